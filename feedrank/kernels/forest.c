/* Scores a forest of binary trees over numeric features, the same bits as LightGBM's own prediction.
 *
 * Rows are taken in blocks, transposed. For each tree all nodes are visited once, parents first, and every node splits
 * the mask of the block's rows that reach it in two: no row walks down by itself, so there is no load that waits for the
 * one before. Missing values are settled when a block is filled: every feature stands there twice, with minus
 * infinity in their place and with NaN, and a node reads the one that goes its way.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "native.h"

#define BLOCK 32   /* rows: both copies of 110 features fit the first-level cache */
#define ZERO 1e-35f /* LightGBM takes what is no larger for zero */

/* n values of each feature, `step` apart, as both of their copies; what is left of the block is unread. */
static void fill(const float *rows, int64_t n, int64_t step, int64_t apart, int64_t features, float *block) {
    for (int64_t f = 0; f < features; f++) {
        const float *values = rows + f * apart;
        float *lowest = block + f * BLOCK, *raw = block + (features + f) * BLOCK;
        for (int64_t r = 0; r < n; r++) {
            const float value = fabsf(values[r * step]) <= ZERO ? 0.0f : values[r * step];
            lowest[r] = value != value ? -INFINITY : value;
            raw[r] = value; /* NaN is not up to any threshold */
        }
    }
}

/* The leaf of every row of a block in one tree, (BLOCK,). */
static void leaves_of(const forest_t *forest, int64_t tree, const float *block, int32_t *leaf_of_row) {
    const int32_t first = forest->first_node[tree];
    const int32_t nodes = forest->first_node[tree + 1] - first;
    for (int r = 0; r < BLOCK; r++) {
        int32_t slot = 0;
        while (slot < nodes) {
            const int32_t node = first + slot;
            const float value = block[(int64_t)forest->column[node] * BLOCK + r];
            slot = value <= forest->threshold[node] ? forest->left[node] : forest->right[node];
        }
        leaf_of_row[r] = slot - nodes;
    }
}

static void block_scores(const forest_t *forest, const float *block, double *sums) {
    int32_t leaf_of_row[BLOCK];
    for (int64_t tree = 0; tree < forest->trees; tree++) {
        const double *values = forest->leaf_value + forest->first_leaf[tree];
        leaves_of(forest, tree, block, leaf_of_row);
        for (int r = 0; r < BLOCK; r++) sums[r] += values[leaf_of_row[r]];
    }
}

#if HAS_AVX512_BUILD
__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl"))) static void block_scores_avx512(
    const forest_t *forest, const float *block, double *sums) {
    uint32_t reached[MOST_SLOTS];
    __m512d sum0 = _mm512_setzero_pd(), sum1 = sum0, sum2 = sum0, sum3 = sum0;
    for (int64_t tree = 0; tree < forest->trees; tree++) {
        const int32_t first = forest->first_node[tree];
        const int32_t nodes = forest->first_node[tree + 1] - first;
        const int32_t leaves = forest->first_leaf[tree + 1] - forest->first_leaf[tree];
        const int32_t *column = forest->column + first, *left = forest->left + first, *right = forest->right + first;
        const float *threshold = forest->threshold + first;
        reached[0] = 0xFFFFFFFFu;
        for (int32_t slot = 0; slot < nodes; slot++) {
            const float *values = block + (int64_t)column[slot] * BLOCK;
            const __m512 limit = _mm512_set1_ps(threshold[slot]);
            const uint32_t low = _mm512_cmp_ps_mask(_mm512_load_ps(values), limit, _CMP_LE_OQ);
            const uint32_t high = _mm512_cmp_ps_mask(_mm512_load_ps(values + 16), limit, _CMP_LE_OQ);
            const uint32_t goes_left = low | high << 16;
            const uint32_t here = reached[slot];
            reached[left[slot]] = here & goes_left;
            reached[right[slot]] = here & ~goes_left;
        }
        const double *value = forest->leaf_value + forest->first_leaf[tree];
        __m512i leaf = _mm512_setzero_si512(); /* of each row, 16 bits */
        for (int32_t k = 1; k < leaves; k++)
            leaf = _mm512_mask_mov_epi16(leaf, reached[nodes + k], _mm512_set1_epi16((short)k));
        const __m256i lower = _mm512_castsi512_si256(leaf), upper = _mm512_extracti64x4_epi64(leaf, 1);
        const __m512i wide0 = _mm512_cvtepu16_epi32(lower), wide1 = _mm512_cvtepu16_epi32(upper);
        sum0 = _mm512_add_pd(sum0, _mm512_i32gather_pd(_mm512_castsi512_si256(wide0), value, 8));
        sum1 = _mm512_add_pd(sum1, _mm512_i32gather_pd(_mm512_extracti64x4_epi64(wide0, 1), value, 8));
        sum2 = _mm512_add_pd(sum2, _mm512_i32gather_pd(_mm512_castsi512_si256(wide1), value, 8));
        sum3 = _mm512_add_pd(sum3, _mm512_i32gather_pd(_mm512_extracti64x4_epi64(wide1, 1), value, 8));
    }
    _mm512_storeu_pd(sums, sum0);
    _mm512_storeu_pd(sums + 8, sum1);
    _mm512_storeu_pd(sums + 16, sum2);
    _mm512_storeu_pd(sums + 24, sum3);
}
#endif

int forest_scores(const forest_t *forest, const float *rows, int64_t n, int by_column, double *out) {
    float *block = NULL;
    const int64_t step = by_column ? 1 : forest->features, apart = by_column ? n : 1;
    const size_t size = (size_t)(2 * forest->features * BLOCK) * sizeof(float);
    if (posix_memalign((void **)&block, 64, size)) return -1;
    memset(block, 0, size);
    for (int64_t start = 0; start < n; start += BLOCK) {
        double sums[BLOCK] = {0};
        const int64_t some = n - start < BLOCK ? n - start : BLOCK;
        fill(rows + start * step, some, step, apart, forest->features, block);
#if HAS_AVX512_BUILD
        if (has_avx512())
            block_scores_avx512(forest, block, sums);
        else
#endif
            block_scores(forest, block, sums);
        memcpy(out + start, sums, (size_t)some * sizeof(double));
    }
    free(block);
    return 0;
}
