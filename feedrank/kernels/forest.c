/* Scores a forest of binary trees over numeric features, the same bits as LightGBM's own prediction.
 *
 * Rows are taken in blocks, transposed. For each tree all nodes are visited once, parents first, and every node splits
 * the mask of the block's rows that reach it in two: no row walks down by itself, so there is no load that waits for the
 * one before. Which rows miss a value is a mask for each feature, which a node adds to those that go left or does not.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "native.h"

#define BLOCK 64   /* rows: as many as a mask has bits, and 110 features of them fit the first-level cache */
#define ZERO 1e-35f /* LightGBM takes what is no larger for zero */
#define LOOKED_UP 32 /* leaves whose values fit four registers; a forest has as many to spare at its end */

/* n values of each feature, `step` apart; what is left of the block is what was there. */
static void fill(const float *rows, int64_t n, int64_t step, int64_t apart, int64_t features, float *block) {
    for (int64_t f = 0; f < features; f++) {
        const float *values = rows + f * apart;
        float *to = block + f * BLOCK;
        if (step == 1) /* apart, for the compiler's sake */
            for (int64_t r = 0; r < n; r++) to[r] = fabsf(values[r]) <= ZERO ? 0.0f : values[r];
        else
            for (int64_t r = 0; r < n; r++) to[r] = fabsf(values[r * step]) <= ZERO ? 0.0f : values[r * step];
    }
}

static void block_scores(const forest_t *forest, const float *block, double *sums) {
    for (int64_t tree = 0; tree < forest->trees; tree++) {
        const node_t *nodes = forest->nodes + forest->first_node[tree];
        const double *values = forest->leaf_value + forest->first_leaf[tree];
        const int32_t count = forest->first_node[tree + 1] - forest->first_node[tree];
        for (int r = 0; r < BLOCK; r++) {
            int32_t slot = 0;
            while (slot < count) {
                const node_t *node = nodes + slot;
                const float value = block[(int64_t)node->feature * BLOCK + r];
                const int goes_left = value <= node->threshold || (value != value && node->missing < forest->features);
                slot = goes_left ? node->left : node->right;
            }
            sums[r] += values[slot - count];
        }
    }
}

#if HAS_AVX512_BUILD
#define AVX512 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))

/* The bits of a comparison of a feature's BLOCK values. */
#define COMPARED(values, limit, how)                                                                                 \
    _cvtmask64_u64(_mm512_kunpackd(                                                                                  \
        _mm512_kunpackw(_mm512_cmp_ps_mask(_mm512_load_ps((values) + 48), limit, how),                               \
                        _mm512_cmp_ps_mask(_mm512_load_ps((values) + 32), limit, how)),                              \
        _mm512_kunpackw(_mm512_cmp_ps_mask(_mm512_load_ps((values) + 16), limit, how),                               \
                        _mm512_cmp_ps_mask(_mm512_load_ps((values)), limit, how))))

/* Adds to each row the value of the leaf it reached. Values are looked up in registers, LOOKED_UP leaves at a time. */
AVX512 static inline void add_leaves(const uint64_t *reached, int32_t leaves, const double *value, __m512d *sums) {
    const __m512i one = _mm512_set1_epi8(1);
    __m512d added[BLOCK / 8];
    for (int i = 0; i < BLOCK / 8; i++) added[i] = _mm512_setzero_pd();
    for (int32_t first = 0; first < leaves; first += LOOKED_UP) {
        const int32_t some = leaves - first < LOOKED_UP ? leaves - first : LOOKED_UP;
        __m512i leaf = _mm512_setzero_si512(), k_th = one; /* of each row, 8 bits */
        uint64_t here = reached[first];
        for (int32_t k = 1; k < some; k++, k_th = _mm512_add_epi8(k_th, one)) {
            leaf = _mm512_mask_mov_epi8(leaf, reached[first + k], k_th);
            here |= reached[first + k];
        }
        uint8_t leaf_of_row[BLOCK];
        _mm512_storeu_si512(leaf_of_row, leaf);
        const __m512d a = _mm512_loadu_pd(value + first), b = _mm512_loadu_pd(value + first + 8);
        const __m512d c = _mm512_loadu_pd(value + first + 16), d = _mm512_loadu_pd(value + first + 24);
        for (int i = 0; i < BLOCK / 8; i++) {
            const __m512i at = _mm512_cvtepu8_epi64(_mm_loadl_epi64((const __m128i *)(leaf_of_row + 8 * i)));
            const __m512d low = _mm512_permutex2var_pd(a, at, b), high = _mm512_permutex2var_pd(c, at, d);
            const __mmask8 is_high = _mm512_test_epi64_mask(at, _mm512_set1_epi64(16));
            const __m512d found = _mm512_mask_blend_pd(is_high, low, high);
            added[i] = _mm512_mask_mov_pd(added[i], (__mmask8)(here >> 8 * i), found);
        }
    }
    for (int i = 0; i < BLOCK / 8; i++) sums[i] = _mm512_add_pd(sums[i], added[i]);
}

AVX512 static void block_scores_avx512(const forest_t *forest, const float *block, uint64_t *missing, double *out) {
    uint64_t reached[MOST_SLOTS];
    __m512d sums[BLOCK / 8];
    for (int i = 0; i < BLOCK / 8; i++) sums[i] = _mm512_setzero_pd();
    for (int64_t f = 0; f < forest->features; f++)
        missing[f] = COMPARED(block + f * BLOCK, _mm512_setzero_ps(), _CMP_UNORD_Q);
    for (int64_t tree = 0; tree < forest->trees; tree++) {
        const node_t *nodes = forest->nodes + forest->first_node[tree];
        const int32_t count = forest->first_node[tree + 1] - forest->first_node[tree];
        const int32_t leaves = forest->first_leaf[tree + 1] - forest->first_leaf[tree];
        const double *value = forest->leaf_value + forest->first_leaf[tree];
        reached[0] = ~(uint64_t)0;
        for (int32_t slot = 0; slot < count; slot++) {
            const node_t node = nodes[slot];
            const float *values = block + (int64_t)node.feature * BLOCK;
            const __m512 limit = _mm512_set1_ps(node.threshold);
            const uint64_t goes_left = COMPARED(values, limit, _CMP_LE_OQ) | missing[node.missing];
            const uint64_t here = reached[slot];
            reached[node.left] = here & goes_left;
            reached[node.right] = here & ~goes_left;
        }
        add_leaves(reached + count, leaves, value, sums);
    }
    for (int i = 0; i < BLOCK / 8; i++) _mm512_storeu_pd(out + 8 * i, sums[i]);
}
#endif

int forest_scores(const forest_t *forest, const float *rows, int64_t n, int by_column, double *out) {
    float *block = NULL;
    const int64_t features = forest->features, step = by_column ? 1 : features, apart = by_column ? n : 1;
    const size_t values = (size_t)(features * BLOCK) * sizeof(float), masks = (size_t)(2 * features) * sizeof(uint64_t);
    if (posix_memalign((void **)&block, 64, values + masks)) return -1;
    memset(block, 0, values + masks); /* the second half of the masks: what is missing goes right */
    for (int64_t start = 0; start < n; start += BLOCK) {
        double sums[BLOCK] = {0};
        const int64_t some = n - start < BLOCK ? n - start : BLOCK;
        fill(rows + start * step, some, step, apart, features, block);
#if HAS_AVX512_BUILD
        if (has_avx512())
            block_scores_avx512(forest, block, (uint64_t *)(block + features * BLOCK), sums);
        else
#endif
            block_scores(forest, block, sums);
        memcpy(out + start, sums, (size_t)some * sizeof(double));
    }
    free(block);
    return 0;
}

void forest_free(forest_t *forest) {
    if (!forest) return;
    free(forest->first_node);
    free(forest->first_leaf);
    free(forest->nodes);
    free(forest->leaf_value);
    free(forest);
}

static void *copied(const void *from, int64_t count, int64_t spare, size_t width) {
    char *to = calloc((size_t)(count + spare) + 1, width);
    if (to) memcpy(to, from, (size_t)count * width);
    return to;
}

forest_t *forest_of(const trees_t *trees) {
    forest_t *forest = calloc(1, sizeof *forest);
    if (!forest) return NULL;
    const int64_t nodes = trees->first_node[trees->trees], leaves = trees->first_leaf[trees->trees];
    forest->trees = trees->trees;
    forest->features = trees->features;
    forest->first_node = copied(trees->first_node, trees->trees + 1, 0, sizeof(int32_t));
    forest->first_leaf = copied(trees->first_leaf, trees->trees + 1, 0, sizeof(int32_t));
    forest->leaf_value = copied(trees->leaf_value, leaves, LOOKED_UP, sizeof(double));
    forest->nodes = calloc((size_t)nodes + 1, sizeof(node_t));
    if (!forest->first_node || !forest->first_leaf || !forest->leaf_value || !forest->nodes) {
        forest_free(forest);
        return NULL;
    }
    for (int64_t i = 0; i < nodes; i++)
        forest->nodes[i] = (node_t){trees->threshold[i], trees->column[i] % (int32_t)trees->features, trees->column[i],
                                    (uint16_t)trees->left[i], (uint16_t)trees->right[i]};
    return forest;
}
