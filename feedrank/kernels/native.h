/* What the compiled kernels share: the widths that fix the order of every sum, and the two ways each kernel is built.
 *
 * Every kernel gives the same bits on every machine, with and without AVX-512, and the same as reference.py: sums are
 * taken in one order, written down in reference.py, and nothing is contracted into a fused multiply-add
 * (-ffp-contract=off).
 */
#ifndef FEEDRANK_NATIVE_H
#define FEEDRANK_NATIVE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__) && defined(__GNUC__)
#define HAS_AVX512_BUILD 1
#include <immintrin.h>
#else
#define HAS_AVX512_BUILD 0
#endif

#define MOST_TOP 8 /* greatest values that summaries adds */
#define LANES 16 /* partial sums of an inner product */
#define MOST_SLOTS 1024 /* nodes and leaves of a tree */
#define MOST_FEATURES (1 << 20)

/* Trees as they are given; slots of a tree are its nodes, then its leaves. */
typedef struct {
    int64_t trees;
    int64_t features;
    const int32_t *first_node; /* (trees + 1,) */
    const int32_t *first_leaf; /* (trees + 1,) */
    const int32_t *column;     /* (nodes,): a feature, plus `features` where a missing value goes right */
    const float *threshold;    /* (nodes,): a value up to it goes left */
    const int32_t *left;       /* (nodes,): a later slot of the tree */
    const int32_t *right;
    const double *leaf_value; /* (leaves,) */
} trees_t;

/* The same laid out for scoring, a node in 16 bytes (see forest.c). */
typedef struct {
    float threshold;
    int32_t feature;
    int32_t missing; /* the column */
    uint16_t left, right;
} node_t;
typedef struct {
    int64_t trees;
    int64_t features;
    int32_t *first_node;
    int32_t *first_leaf;
    node_t *nodes;
    double *leaf_value;
} forest_t;

/* A forest of trees that were found sound; NULL without memory. */
forest_t *forest_of(const trees_t *trees);
void forest_free(forest_t *forest);

/* Scores of (n, features) rows, or of (features, n) columns, added tree by tree. 0, or -1 without memory. */
int forest_scores(const forest_t *forest, const float *rows, int64_t n, int by_column, double *out);

/* Inner products (n, m) of n vectors of a table with m of `b` (m, d) float32. The table holds float16 (`half`) or float32;
 * `places` (n,) says which of its vectors, NULL that they are the first n; a negative place is a zero vector. 0, or -1
 * without memory. */
int products(const void *table, int half, const int32_t *places, int64_t n, const float *b, int64_t m, int64_t d,
             float *out);

/* Keys of the k greatest products with each of m queries, among the first n vectors of a table or its `places` (n,), of those
 * alive: (m, 3 k + 256), of which the first `counts` (m,) are filled, in no order. 0, or -1 without memory. */
int nearest(const void *table, int half, const int32_t *rows, const uint8_t *alive, const int32_t *places, int64_t n,
            const float *b, int64_t m, int64_t d, int64_t k, uint64_t *keys, int64_t *counts);

/* Vectors of a table (v, d) of float16 at `places` (n,) as float32, zeros at a negative one: (n, d). */
void unpacked(const uint16_t *table, const int32_t *places, int64_t n, int64_t d, float *out);

/* Raises `values` (n,) to the inner product of each vector of `places` (n,) in a table of float16 with one of its own, where
 * that is greater. 0, or -1 without memory. */
int raised(double *values, const uint16_t *table, const int32_t *places, int64_t n, int64_t chosen, int64_t d);

/* Keys of the k greatest scores among those alive, in no order, and how many there are. `keys` has room for 3 k + 256. */
int64_t greatest(const float *scores, int64_t stride, const int32_t *rows, const uint8_t *alive, int64_t n, int64_t k,
                 uint64_t *keys);

/* Places of values by size within each stretch of `offsets` (stretches + 1,): 0 the lowest, 1 the highest, ties their
 * mean. NaN is lowest. `columns` columns of `offsets[stretches]` values each. 0, or -1 without memory. */
int places_by_size(const double *values, int64_t columns, const int64_t *offsets, int64_t stretches, double *out);

/* Standard scores likewise: 0 where a stretch does not vary. NaN counts as 0 and stays NaN. */
void standard_scores(const double *values, int64_t columns, const int64_t *offsets, int64_t stretches, double *out);

/* Groups of equal keys (entries,), numbered as they first appear, and the group of each wanted key (n,): the number of
 * groups where no entry has it. Returns that number, or -1 without memory. */
int64_t matched(const int64_t *keys, int64_t entries, const int64_t *wanted, int64_t n, int64_t *group, int64_t *asked);

/* Where each row (n,) first stands among `others` (m,), -1 where it does not. 0, or -1 without memory. */
int positions(const int32_t *rows, int64_t n, const int32_t *others, int64_t m, int32_t *out);

/* Where the greatest of values (n,) is among those whose place (n,) is open, the first of equal ones; -1 if none is. */
int64_t foremost(const double *values, const int32_t *places, int64_t n, const uint8_t *open);

/* The rows (n,) without repeats, as they first appear, and how many; -1 without memory. Unless it is NULL, `weights` (n,) are
 * summed in order for each of them into `sums`, which has room for n. */
int64_t distinct(const int32_t *rows, int64_t n, int32_t *out, const double *weights, double *sums);

/* Of the first h values of each row, `stride` apart: the greatest, the sum, the sum weighted by (h,), the sum of the `top` greatest,
 * (n, 4) in order; sums from the first to the last, that of the greatest from the greatest on. h >= top, top <= MOST_TOP. */
void summaries(const float *values, int64_t stride, int64_t n, int64_t h, const double *weights, int64_t top, double *out);

/* Ward's clusters of n points by their squared distances (n, n), which are overwritten: the closest two are merged while
 * they are within `cut` (squared) of each other or more than `most` clusters are left. `sizes` is room for n; clusters
 * are numbered as they first appear. Of equally close pairs the first in reading order is merged. */
void ward(double *squares, int64_t n, double cut, int64_t most, double *sizes, int64_t *cluster);

/* Sums of `rows` (n,) in a table (rows, width), times `shrinks` (width,), faint ones zero: (n, width). */
void decayed(const double *sums, int64_t width, const int32_t *rows, int64_t n, const double *shrinks, double faintest,
             double *out);

/* Adds `weights` (n, width), in order, to kind which[i] of row rows[i] of `sums` (rows, kinds, width). */
void counted(double *sums, int64_t kinds, int64_t width, const int32_t *rows, const int32_t *which, int64_t n,
             const double *weights);

/* Columns' entries at `rows` (n,), one column after another: `widths` are of an entry in bytes. */
void taken(const char *const *columns, const int64_t *widths, int64_t some, const int32_t *rows, int64_t n, char *const *out);

/* Entries (a, b) of a sparse matrix kept in tiers, each by sorted keys a << 32 | b; of a key in several the last tier's
 * entry counts. */
#define TIERS 3
#define LONG_AGO (-((int64_t)1 << 62))
typedef struct {
    int64_t entries;
    const int64_t *keys;
    const double *weights;
    const int64_t *touched;
} pairs_t;

/* The weight of each of `others` (n,) with each of `firsts` (k,), times `factor`: (n, k), 0 where there is none or its
 * last touch is before `oldest`. 0, or -1 without memory. */
int looked_up(const pairs_t *tiers, const int32_t *firsts, int64_t k, const int32_t *others, int64_t n, int64_t oldest,
              double factor, double *out);

/* The last tier, once growths[i] was added to entry (firsts[i], seconds[i]) at times[i], (n,) in order: keys, weights and
 * last touches, for which there is room for its entries and n more. An entry last touched more than `span` before the
 * newest time so far (`newest` before the first) begins again from 0. Returns how many there are, -1 without memory. */
int64_t paired(const pairs_t *tiers, const int32_t *firsts, const int32_t *seconds, const double *growths,
               const int64_t *times, int64_t n, int64_t newest, int64_t span, int64_t *keys, double *weights,
               int64_t *touched);

/* Entries (a, b) for each a of k whose stretch in tier t is spans[t][a][0] to [1]: b ascending, weights, and how many (k,),
 * without those last touched before `oldest`. Returns how many. */
int64_t rows_of(const pairs_t *tiers, const int64_t *spans, int64_t k, int64_t oldest, int32_t *others, double *weights,
                int64_t *sizes);

/* 1 if this process runs the AVX-512 builds. */
int has_avx512(void);

#endif
