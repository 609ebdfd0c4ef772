/* Inner products in one fixed order of summation, and the selection of the greatest.
 *
 * An inner product is 16 partial sums, value i going to sum i mod 16 in order, folded in halves at the end. A product's
 * bits therefore hang on its two vectors alone: not on how many are computed at once, nor on the width of the machine's
 * registers. Values of float16 are widened exactly.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "native.h"

#define ROWS_AT_ONCE 4
#define QUERIES_AT_ONCE 6
#define BLOCKS_AHEAD 4
#define CACHE_LINE 64
#define SCANNED_AT_ONCE 1024 /* vectors whose scores are held, so that they stay in a near cache */

typedef float lanes_t __attribute__((vector_size(LANES * sizeof(float))));
typedef float eight_t __attribute__((vector_size(8 * sizeof(float))));
typedef float four_t __attribute__((vector_size(4 * sizeof(float))));
typedef uint32_t words_t __attribute__((vector_size(LANES * sizeof(uint32_t))));
typedef uint16_t halves_t __attribute__((vector_size(LANES * sizeof(uint16_t))));

static inline __attribute__((always_inline)) lanes_t loaded(const float *values) {
    lanes_t lanes;
    memcpy(&lanes, values, sizeof lanes);
    return lanes;
}

static inline __attribute__((always_inline)) float folded(lanes_t s) {
    const eight_t a = __builtin_shufflevector(s, s, 0, 1, 2, 3, 4, 5, 6, 7) +
                      __builtin_shufflevector(s, s, 8, 9, 10, 11, 12, 13, 14, 15);
    const four_t b = __builtin_shufflevector(a, a, 0, 1, 2, 3) + __builtin_shufflevector(a, a, 4, 5, 6, 7);
    return (b[0] + b[2]) + (b[1] + b[3]);
}

/* Exact for every finite value: a shift moves the fraction, and 2^112 the exponent's bias. */
static inline lanes_t widened(const uint16_t *half) {
    halves_t bits;
    memcpy(&bits, half, sizeof bits);
    const words_t wide = __builtin_convertvector(bits, words_t);
    const lanes_t magnitude = (lanes_t)((wide & 0x7FFFu) << 13) * 0x1p112f;
    return (lanes_t)((words_t)magnitude | (wide & 0x8000u) << 16);
}

#define TARGET
#define NAME(x) x##_portable
#define WIDENED(p) widened(p)
#include "products.inc"
#undef TARGET
#undef NAME
#undef WIDENED

#if HAS_AVX512_BUILD
#define TARGET __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl")))
#define NAME(x) x##_avx512
#define WIDENED(p) ((lanes_t)_mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(p))))
#include "products.inc"
#endif

int products(const void *table, int half, const int32_t *places, int64_t n, const float *b, int64_t m, int64_t d,
             float *out) {
    void *zeros = calloc((size_t)d + 1, sizeof(float));
    if (!zeros) return -1;
#if HAS_AVX512_BUILD
    if (has_avx512())
        products_avx512(table, half, places, n, b, m, d, zeros, out);
    else
#endif
        products_portable(table, half, places, n, b, m, d, zeros, out);
    free(zeros);
    return 0;
}

void unpacked(const uint16_t *table, const int32_t *places, int64_t n, int64_t d, float *out) {
    for (int64_t i = 0; i < n; i++, out += d) {
        if (places[i] < 0) {
            memset(out, 0, (size_t)d * sizeof *out);
            continue;
        }
        const uint16_t *halves = table + places[i] * d;
        for (int64_t j = 0; j < d; j += LANES) {
            const int64_t some = d - j < LANES ? d - j : LANES;
            uint16_t last[LANES] = {0};
            if (some < LANES) memcpy(last, halves + j, (size_t)some * sizeof *last);
            const lanes_t wide = widened(some < LANES ? last : halves + j);
            memcpy(out + j, &wide, (size_t)some * sizeof *out);
        }
    }
}

int raised(double *values, const uint16_t *table, const int32_t *places, int64_t n, int64_t chosen, int64_t d) {
    float *room = malloc((size_t)(n + d + LANES) * sizeof *room), *query = room + n;
    if (!room) return -1;
    for (int64_t i = 0; i < d; i += LANES) {
        uint16_t halves[LANES] = {0};
        memcpy(halves, table + chosen * d + i, (size_t)(d - i < LANES ? d - i : LANES) * sizeof(uint16_t));
        const lanes_t wide = widened(halves);
        memcpy(query + i, &wide, sizeof wide);
    }
    const int failed = products(table, 1, places, n, query, 1, d, room);
    for (int64_t i = 0; i < n && !failed; i++) values[i] = room[i] > values[i] ? room[i] : values[i];
    free(room);
    return failed;
}

/* Moves the k greatest of (count,) keys to the front (Hoare's selection); 0 < k < count. */
static void select_greatest(uint64_t *keys, int64_t count, int64_t k) {
    int64_t low = 0, high = count - 1;
    while (low < high) {
        const uint64_t pivot = keys[low + (high - low) / 2];
        int64_t i = low, j = high;
        while (i <= j) {
            while (keys[i] > pivot) i++;
            while (keys[j] < pivot) j--;
            if (i <= j) {
                const uint64_t swapped = keys[i];
                keys[i++] = keys[j];
                keys[j--] = swapped;
            }
        }
        if (k - 1 <= j)
            high = j;
        else if (k - 1 >= i)
            low = i;
        else
            return;
    }
}

/* Orders as the score does, and equal scores by row, the lower first. */
static inline uint64_t key_of(float score, int32_t row) {
    uint32_t bits;
    score += 0.0f; /* minus zero is zero */
    memcpy(&bits, &score, sizeof bits);
    bits = bits >> 31 ? ~bits : bits | 0x80000000u;
    return (uint64_t)bits << 32 | (uint32_t)~row;
}

/* The k greatest keys seen so far, and some more: what is below `least` never enters. */
typedef struct {
    uint64_t *keys; /* room for 3 k + 256 */
    int64_t count, k;
    float least;
} best_t;

static inline void offer(best_t *best, float score, int32_t row) {
    if (score < best->least) return;
    best->keys[best->count++] = key_of(score, row);
    if (best->count < 3 * best->k + 256) return;
    select_greatest(best->keys, best->count, best->k);
    best->count = best->k;
    uint64_t smallest = best->keys[0];
    for (int64_t j = 1; j < best->k; j++) smallest = best->keys[j] < smallest ? best->keys[j] : smallest;
    uint32_t bits = (uint32_t)(smallest >> 32);
    bits = bits >> 31 ? bits & 0x7FFFFFFFu : ~bits;
    memcpy(&best->least, &bits, sizeof best->least);
}

/* Leaves no more than k, at the front. */
static int64_t settled(best_t *best) {
    if (best->count > best->k) select_greatest(best->keys, best->count, best->k);
    return best->count < best->k ? best->count : best->k;
}

int64_t greatest(const float *scores, int64_t stride, const int32_t *rows, const uint8_t *alive, int64_t n, int64_t k,
                 uint64_t *keys) {
    best_t best = {keys, 0, k, -INFINITY};
    for (int64_t i = 0; i < n; i++)
        if (alive[i]) offer(&best, scores[i * stride], rows[i]);
    return settled(&best);
}

int nearest(const void *table, int half, const int32_t *rows, const uint8_t *alive, const int32_t *places, int64_t n,
            const float *b, int64_t m, int64_t d, int64_t k, uint64_t *keys, int64_t *counts) {
    float *scores = malloc((size_t)(SCANNED_AT_ONCE * m) * sizeof *scores);
    best_t *best = malloc((size_t)m * sizeof *best);
    int failed = !scores || !best;
    for (int64_t q = 0; q < m && !failed; q++) best[q] = (best_t){keys + q * (3 * k + 256), 0, k, -INFINITY};
    for (int64_t start = 0; start < n && !failed; start += SCANNED_AT_ONCE) {
        const int64_t some = n - start < SCANNED_AT_ONCE ? n - start : SCANNED_AT_ONCE;
        const char *from = places ? table : (const char *)table + start * d * (half ? 2 : 4);
        failed = products(from, half, places ? places + start : NULL, some, b, m, d, scores);
        for (int64_t i = 0; i < some && !failed; i++) {
            const int64_t place = places ? places[start + i] : start + i;
            if (alive[place])
                for (int64_t q = 0; q < m; q++) offer(&best[q], scores[i * m + q], rows[place]);
        }
    }
    for (int64_t q = 0; q < m && !failed; q++) counts[q] = settled(&best[q]);
    free(scores);
    free(best);
    return failed ? -1 : 0;
}
