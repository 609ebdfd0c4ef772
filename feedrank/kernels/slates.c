/* What a candidate is among the others of its request, and which of its user's entries are of its kind. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "native.h"

typedef struct {
    uint64_t key;
    int64_t index;
} keyed_t;

/* Orders as the value does; NaN below everything, minus zero as zero. */
static inline uint64_t key_of(double value) {
    uint64_t bits;
    if (value != value) value = -INFINITY;
    value += 0.0;
    memcpy(&bits, &value, sizeof bits);
    return bits >> 63 ? ~bits : bits | 0x8000000000000000ull;
}

#define DIGIT 8 /* bits of a key sorted by at once */
#define DIGITS (64 / DIGIT)

#define FEW 48 /* entries that insertion sorts sooner than digits do */

/* Radix sort from the last digit on; `other` is room for count. The sorted entries end in the returned array. */
static keyed_t *sorted(keyed_t *entries, keyed_t *other, int64_t count) {
    if (count <= FEW) {
        for (int64_t i = 1; i < count; i++) {
            const keyed_t held = entries[i];
            int64_t j = i;
            for (; j > 0 && entries[j - 1].key > held.key; j--) entries[j] = entries[j - 1];
            entries[j] = held;
        }
        return entries;
    }
    uint32_t starts[DIGITS][1 << DIGIT] = {{0}};
    for (int64_t i = 0; i < count; i++)
        for (int d = 0; d < DIGITS; d++) starts[d][entries[i].key >> d * DIGIT & ((1 << DIGIT) - 1)]++;
    for (int d = 0; d < DIGITS; d++) {
        if (starts[d][entries[0].key >> d * DIGIT & ((1 << DIGIT) - 1)] == count) continue; /* all alike */
        uint32_t start = 0;
        for (int value = 0; value < 1 << DIGIT; value++) {
            const uint32_t here = starts[d][value];
            starts[d][value] = start;
            start += here;
        }
        for (int64_t i = 0; i < count; i++)
            other[starts[d][entries[i].key >> d * DIGIT & ((1 << DIGIT) - 1)]++] = entries[i];
        keyed_t *swapped = entries;
        entries = other;
        other = swapped;
    }
    return entries;
}

int places_by_size(const double *values, int64_t columns, const int64_t *offsets, int64_t stretches, double *out) {
    int64_t longest = 0;
    for (int64_t s = 0; s < stretches; s++)
        if (offsets[s + 1] - offsets[s] > longest) longest = offsets[s + 1] - offsets[s];
    keyed_t *room = malloc((size_t)(2 * longest + 1) * sizeof *room);
    if (!room) return -1;
    for (int64_t c = 0; c < columns; c++)
        for (int64_t s = 0; s < stretches; s++) {
            const int64_t start = c * offsets[stretches] + offsets[s], count = offsets[s + 1] - offsets[s];
            const double most = count > 1 ? (double)(count - 1) : 1.0;
            for (int64_t i = 0; i < count; i++) {
                room[i].key = key_of(values[start + i]);
                room[i].index = start + i;
            }
            const keyed_t *entries = sorted(room, room + longest, count);
            for (int64_t first = 0; first < count;) {
                int64_t last = first;
                while (last + 1 < count && entries[last + 1].key == entries[first].key) last++;
                const double place = (double)(first + last) / 2.0 / most;
                for (int64_t i = first; i <= last; i++) out[entries[i].index] = place;
                first = last + 1;
            }
        }
    free(room);
    return 0;
}

#define VARIES 1e-9 /* a spread up to this is rounding */

void standard_scores(const double *values, int64_t columns, const int64_t *offsets, int64_t stretches, double *out) {
    for (int64_t c = 0; c < columns; c++)
        for (int64_t s = 0; s < stretches; s++) {
            const int64_t start = c * offsets[stretches] + offsets[s], count = offsets[s + 1] - offsets[s];
            const double *mine = values + start;
            double known = 0.0, sum = 0.0, squares = 0.0;
            for (int64_t i = 0; i < count; i++)
                if (mine[i] == mine[i]) {
                    known += 1.0;
                    sum += mine[i];
                }
            const double number = known > 1.0 ? known : 1.0, mean = sum / number;
            for (int64_t i = 0; i < count; i++)
                if (mine[i] == mine[i]) squares += (mine[i] - mean) * (mine[i] - mean);
            const double spread = sqrt(squares / number);
            for (int64_t i = 0; i < count; i++) {
                const double score = spread > VARIES ? (mine[i] - mean) / spread : 0.0;
                out[start + i] = mine[i] == mine[i] ? score : NAN;
            }
        }
}

int64_t matched(const int64_t *keys, int64_t entries, const int64_t *wanted, int64_t n, int64_t *group, int64_t *asked) {
    int bits = 4;
    while (((int64_t)1 << bits) < 2 * entries) bits++;
    const uint64_t mask = ((uint64_t)1 << bits) - 1;
    int64_t *held = malloc(((size_t)mask + 1) * sizeof *held); /* slot -> the first entry with its key, or -1 */
    if (!held) return -1;
    memset(held, 0xFF, ((size_t)mask + 1) * sizeof *held);
    int64_t groups = 0;
    for (int64_t i = 0; i < entries; i++) {
        uint64_t slot = (uint64_t)keys[i] * 0x9E3779B97F4A7C15ull >> (64 - bits);
        while (held[slot] >= 0 && keys[held[slot]] != keys[i]) slot = (slot + 1) & mask;
        if (held[slot] < 0) {
            held[slot] = i;
            group[i] = groups++;
        } else
            group[i] = group[held[slot]];
    }
    for (int64_t i = 0; i < n; i++) {
        uint64_t slot = (uint64_t)wanted[i] * 0x9E3779B97F4A7C15ull >> (64 - bits);
        while (held[slot] >= 0 && keys[held[slot]] != wanted[i]) slot = (slot + 1) & mask;
        asked[i] = held[slot] < 0 ? groups : group[held[slot]];
    }
    free(held);
    return groups;
}

/* A table of rows by hash: slot -> index into the rows it holds, -1 for none. */
typedef struct {
    int32_t *slots;
    int bits;
} table_t;

static int table_for(table_t *table, int64_t n) {
    table->bits = 4;
    while (((int64_t)1 << table->bits) < 2 * n) table->bits++;
    table->slots = malloc(sizeof(int32_t) << table->bits);
    if (!table->slots) return -1;
    memset(table->slots, 0xFF, sizeof(int32_t) << table->bits);
    return 0;
}

/* The slot that holds a row, or the free one where it belongs. */
static inline uint32_t slot_of(const table_t *table, const int32_t *held, int32_t row) {
    const uint32_t mask = ((uint32_t)1 << table->bits) - 1;
    uint32_t slot = (uint32_t)row * 0x9E3779B1u >> (32 - table->bits);
    while (table->slots[slot] >= 0 && held[table->slots[slot]] != row) slot = (slot + 1) & mask;
    return slot;
}

int positions(const int32_t *rows, int64_t n, const int32_t *others, int64_t m, int32_t *out) {
    table_t table;
    if (table_for(&table, m)) return -1;
    for (int64_t i = 0; i < m; i++) {
        const uint32_t slot = slot_of(&table, others, others[i]);
        if (table.slots[slot] < 0) table.slots[slot] = (int32_t)i;
    }
    for (int64_t i = 0; i < n; i++) out[i] = table.slots[slot_of(&table, others, rows[i])];
    free(table.slots);
    return 0;
}

int64_t distinct(const int32_t *rows, int64_t n, int32_t *out, const double *weights, double *sums) {
    table_t table;
    if (table_for(&table, n)) return -1;
    int64_t found = 0;
    for (int64_t i = 0; i < n; i++) {
        const uint32_t slot = slot_of(&table, out, rows[i]);
        if (table.slots[slot] < 0) {
            table.slots[slot] = (int32_t)found;
            if (weights) sums[found] = 0.0;
            out[found++] = rows[i];
        }
        if (weights) sums[table.slots[slot]] += weights[i];
    }
    free(table.slots);
    return found;
}

void summaries(const float *values, int64_t stride, int64_t n, int64_t h, const double *weights, int64_t top, double *out) {
    for (int64_t i = 0; i < n; i++) {
        const float *row = values + i * stride;
        float greatest[MOST_TOP];
        for (int64_t k = 0; k < top; k++) greatest[k] = -INFINITY;
        double sum = 0.0, weighted = 0.0, best = 0.0;
        for (int64_t j = 0; j < h; j++) {
            const float value = row[j];
            sum += value;
            weighted += weights[j] * value;
            if (value > greatest[top - 1]) {
                int64_t k = top - 1;
                for (; k > 0 && greatest[k - 1] < value; k--) greatest[k] = greatest[k - 1];
                greatest[k] = value;
            }
        }
        for (int64_t k = 0; k < top; k++) best += greatest[k];
        out[4 * i] = greatest[0];
        out[4 * i + 1] = sum;
        out[4 * i + 2] = weighted;
        out[4 * i + 3] = best;
    }
}

int64_t foremost(const double *values, const int32_t *places, int64_t n, const uint8_t *open) {
    int64_t found = -1;
    for (int64_t i = 0; i < n; i++)
        if (open[places[i]] && (found < 0 || values[i] > values[found])) found = i;
    return found;
}
