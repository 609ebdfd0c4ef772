/* Rows of tables that decay: counters by row, and pairs by sorted key. */
#include <stdlib.h>
#include <string.h>

#include "native.h"

#define SORTED_BY_INSERTION 24
#define SOUGHT 32 /* others up to which searching a row for each is sooner done than reading the row */

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

void counted(double *sums, int64_t kinds, int64_t width, const int32_t *rows, const int32_t *which, int64_t n,
             const double *weights) {
    for (int64_t i = 0; i < n; i++) {
        double *row = sums + (rows[i] * kinds + which[i]) * width;
        for (int64_t j = 0; j < width; j++) row[j] += weights[i * width + j];
    }
}

void taken(const char *const *columns, const int64_t *widths, int64_t some, const int32_t *rows, int64_t n, char *const *out) {
    for (int64_t c = 0; c < some; c++) {
        const char *column = columns[c];
        const int64_t width = widths[c];
        if (width == 8)
            for (int64_t i = 0; i < n; i++) memcpy(out[c] + i * 8, column + (int64_t)rows[i] * 8, 8);
        else if (width == 4)
            for (int64_t i = 0; i < n; i++) memcpy(out[c] + i * 4, column + (int64_t)rows[i] * 4, 4);
        else if (width == 20) /* five codes */
            for (int64_t i = 0; i < n; i++) memcpy(out[c] + i * 20, column + (int64_t)rows[i] * 20, 20);
        else
            for (int64_t i = 0; i < n; i++) memcpy(out[c] + i * width, column + rows[i] * width, (size_t)width);
    }
}

/* Where keys from low on, up to high, are no longer less than `key`. */
static int64_t first_within(const int64_t *keys, int64_t low, int64_t high, int64_t key) {
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (keys[middle] < key)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int64_t first_from(const int64_t *keys, int64_t entries, int64_t key) { return first_within(keys, 0, entries, key); }

/* The same for few others, each sought in its row. */
static void looked_up_by_search(const pairs_t *tiers, const int32_t *firsts, int64_t k, const int32_t *others, int64_t n,
                                int64_t oldest, double factor, double *out) {
    memset(out, 0, (size_t)(k * n) * sizeof(double));
    for (int t = 0; t < TIERS; t++)
        for (int64_t a = 0; a < k; a++) {
            const pairs_t *pairs = tiers + t;
            const int64_t key = (int64_t)firsts[a] << 32;
            const int64_t start = first_from(pairs->keys, pairs->entries, key);
            const int64_t stop = first_within(pairs->keys, start, pairs->entries, key + ((int64_t)1 << 32));
            for (int64_t i = 0; i < n && start < stop; i++) {
                const int64_t at = first_within(pairs->keys, start, stop, key | (uint32_t)others[i]);
                if (at < stop && pairs->keys[at] == (key | (uint32_t)others[i]))
                    out[i * k + a] = pairs->touched[at] < oldest ? 0.0 : pairs->weights[at] * factor;
            }
        }
}

int looked_up(const pairs_t *tiers, const int32_t *firsts, int64_t k, const int32_t *others, int64_t n, int64_t oldest,
              double factor, double *out) {
    if (n <= SOUGHT) {
        looked_up_by_search(tiers, firsts, k, others, n, oldest, factor, out);
        return 0;
    }
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
    for (int t = 0; t < TIERS; t++)
        for (int64_t a = 0; a < k; a++) {
            const pairs_t *pairs = tiers + t;
            for (int64_t e = first_from(pairs->keys, pairs->entries, (int64_t)firsts[a] << 32); e < pairs->entries; e++) {
                if (pairs->keys[e] >> 32 != firsts[a]) break;
                const int32_t b = (int32_t)(pairs->keys[e] & 0xFFFFFFFF);
                uint32_t slot = (uint32_t)b * 0x9E3779B1u >> (32 - bits);
                while (slots[slot] >= 0 && others[slots[slot]] != b) slot = (slot + 1) & mask;
                for (int32_t i = slots[slot]; i >= 0; i = next[i])
                    out[i * k + a] = pairs->touched[e] < oldest ? 0.0 : pairs->weights[e] * factor;
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

typedef struct {
    int64_t key, at;
} numbered_t;

/* Sorts by key, equal keys in the order they come in; `room` is as large. */
static void sort(numbered_t *entries, int64_t n, numbered_t *room) {
    if (n <= SORTED_BY_INSERTION) {
        for (int64_t i = 1; i < n; i++) {
            const numbered_t entry = entries[i];
            int64_t j = i;
            for (; j > 0 && entries[j - 1].key > entry.key; j--) entries[j] = entries[j - 1];
            entries[j] = entry;
        }
        return;
    }
    const int64_t half = n / 2;
    sort(entries, half, room);
    sort(entries + half, n - half, room);
    memcpy(room, entries, (size_t)half * sizeof *room);
    for (int64_t i = 0, j = half, to = 0; i < half; to++)
        entries[to] = j < n && entries[j].key < room[i].key ? entries[j++] : room[i++];
}

/* The place of a key in a tier, -1 where it is not. */
static int64_t found_at(const pairs_t *tier, int64_t key) {
    const int64_t at = first_from(tier->keys, tier->entries, key);
    return at < tier->entries && tier->keys[at] == key ? at : -1;
}

int64_t paired(const pairs_t *tiers, const int32_t *firsts, const int32_t *seconds, const double *growths,
               const int64_t *times, int64_t n, int64_t newest, int64_t span, int64_t *keys, double *weights,
               int64_t *touched) {
    numbered_t *entries = malloc((size_t)n * (2 * sizeof *entries + 2 * sizeof(int64_t) + sizeof(double)));
    if (!entries) return -1;
    int64_t *place = (int64_t *)(entries + 2 * n), *when = place + n;
    double *sum = (double *)(when + n);
    for (int64_t i = 0; i < n; i++) entries[i] = (numbered_t){(int64_t)firsts[i] << 32 | (uint32_t)seconds[i], i};
    sort(entries, n, entries + n);
    int64_t distinct = 0;
    for (int64_t i = 0; i < n; i++) {
        if (!i || entries[i].key != entries[distinct - 1].key) { /* its entry, which at most moves down */
            int64_t at = -1;
            sum[distinct] = 0.0;
            when[distinct] = LONG_AGO;
            for (int t = TIERS - 1; t >= 0 && at < 0; t--)
                if ((at = found_at(tiers + t, entries[i].key)) >= 0) {
                    sum[distinct] = tiers[t].weights[at];
                    when[distinct] = tiers[t].touched[at];
                }
            place[entries[i].at] = distinct;
            entries[distinct++].key = entries[i].key;
        } else
            place[entries[i].at] = distinct - 1;
    }
    for (int64_t i = 0; i < n; i++) {
        const int64_t at = place[i];
        if (times[i] > newest) newest = times[i];
        if (when[at] < newest - span) sum[at] = 0.0;
        sum[at] += growths[i];
        if (times[i] > when[at]) when[at] = times[i];
    }
    const pairs_t *fresh = tiers + TIERS - 1;
    int64_t count = 0;
    for (int64_t i = 0, j = 0; i < fresh->entries || j < distinct; count++) {
        const int mine = j < distinct && (i == fresh->entries || entries[j].key <= fresh->keys[i]);
        i += mine ? i < fresh->entries && fresh->keys[i] == entries[j].key : 0;
        keys[count] = mine ? entries[j].key : fresh->keys[i];
        weights[count] = mine ? sum[j] : fresh->weights[i];
        touched[count] = mine ? when[j] : fresh->touched[i];
        j += mine;
        i += !mine;
    }
    free(entries);
    return count;
}
