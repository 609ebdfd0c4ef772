/* Rows of tables that decay: counters by row, and pairs by sorted key. */
#include <stdlib.h>
#include <string.h>

#include "native.h"

void decayed(const double *sums, int64_t width, const int32_t *rows, int64_t n, const double *shrinks, double faintest,
             double *out) {
    for (int64_t i = 0; i < n; i++) {
        const double *row = sums + (int64_t)rows[i] * width;
        for (int64_t j = 0; j < width; j++) {
            const double value = row[j] * shrinks[j];
            out[i * width + j] = value < faintest ? 0.0 : value;
        }
    }
}

static int64_t first_from(const int64_t *keys, int64_t entries, int64_t key) {
    int64_t low = 0, high = entries;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (keys[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

int looked_up(const pairs_t *pairs, const int32_t *firsts, int64_t k, const int32_t *others, int64_t n, int64_t oldest,
              double *out) {
    int bits = 4;
    while (((int64_t)1 << bits) < 2 * n) bits++;
    const uint32_t mask = ((uint32_t)1 << bits) - 1;
    int32_t *slots = malloc((sizeof(int32_t) << bits) + (size_t)n * sizeof(int32_t));
    if (!slots) return -1;
    int32_t *next = slots + mask + 1; /* of equal ones among `others`, -1 at the end */
    memset(slots, 0xFF, sizeof(int32_t) << bits);
    for (int64_t i = 0; i < n; i++) {
        uint32_t slot = (uint32_t)others[i] * 0x9E3779B1u >> (32 - bits);
        while (slots[slot] >= 0 && others[slots[slot]] != others[i]) slot = (slot + 1) & mask;
        next[i] = slots[slot];
        slots[slot] = (int32_t)i;
    }
    memset(out, 0, (size_t)(k * n) * sizeof(double));
    for (int64_t a = 0; a < k; a++) {
        const int64_t base = (int64_t)firsts[a] << 32;
        for (int64_t e = first_from(pairs->keys, pairs->entries, base); e < pairs->entries; e++) {
            if (pairs->keys[e] >> 32 != firsts[a]) break;
            if (pairs->touched[e] < oldest) continue;
            const int32_t b = (int32_t)(pairs->keys[e] & 0xFFFFFFFF);
            uint32_t slot = (uint32_t)b * 0x9E3779B1u >> (32 - bits);
            while (slots[slot] >= 0 && others[slots[slot]] != b) slot = (slot + 1) & mask;
            for (int32_t i = slots[slot]; i >= 0; i = next[i]) out[a * n + i] = pairs->weights[e];
        }
    }
    free(slots);
    return 0;
}

int64_t rows_of(const pairs_t *tiers, const int64_t *spans, int64_t k, int64_t oldest, int32_t *others, double *weights,
                int64_t *sizes) {
    int64_t found = 0;
    for (int64_t a = 0; a < k; a++) {
        int64_t at[TIERS], stop[TIERS];
        for (int t = 0; t < TIERS; t++) {
            at[t] = spans[2 * (t * k + a)];
            stop[t] = spans[2 * (t * k + a) + 1];
        }
        const int64_t before = found;
        for (;;) {
            int open = 0;
            for (int t = 1; t < TIERS; t++) open += at[t] < stop[t];
            if (!open) break; /* nothing newer: the rest of the base, below */
            int newest = 0;
            int64_t key = INT64_MAX;
            for (int t = 0; t < TIERS; t++)
                if (at[t] < stop[t] && tiers[t].keys[at[t]] <= key) {
                    newest = t;
                    key = tiers[t].keys[at[t]];
                }
            if (tiers[newest].touched[at[newest]] >= oldest) {
                others[found] = (int32_t)(key & 0xFFFFFFFF);
                weights[found++] = tiers[newest].weights[at[newest]];
            }
            for (int t = 0; t <= newest; t++) at[t] += at[t] < stop[t] && tiers[t].keys[at[t]] == key;
        }
        for (int64_t i = at[0]; i < stop[0]; i++) {
            others[found] = (int32_t)(tiers[0].keys[i] & 0xFFFFFFFF);
            weights[found] = tiers[0].weights[i];
            found += tiers[0].touched[i] >= oldest;
        }
        sizes[a] = found - before;
    }
    return found;
}
