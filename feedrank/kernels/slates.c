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

/* Bottom-up merge sort; `other` is room for count. The sorted entries end in the returned array. */
static keyed_t *sorted(keyed_t *entries, keyed_t *other, int64_t count) {
    const int64_t run = 8;
    for (int64_t start = 0; start < count; start += run) {
        const int64_t stop = start + run < count ? start + run : count;
        for (int64_t i = start + 1; i < stop; i++) {
            const keyed_t held = entries[i];
            int64_t j = i;
            for (; j > start && entries[j - 1].key > held.key; j--) entries[j] = entries[j - 1];
            entries[j] = held;
        }
    }
    for (int64_t width = run; width < count; width *= 2) {
        for (int64_t start = 0; start < count; start += 2 * width) {
            const int64_t middle = start + width < count ? start + width : count;
            const int64_t stop = start + 2 * width < count ? start + 2 * width : count;
            int64_t i = start, j = middle;
            for (int64_t to = start; to < stop; to++) {
                const int first = j >= stop || (i < middle && entries[i].key <= entries[j].key);
                other[to] = first ? entries[i] : entries[j];
                i += first;
                j += !first;
            }
        }
        keyed_t *swapped = entries;
        entries = other;
        other = swapped;
    }
    return entries;
}

int places_by_size(const double *values, const int64_t *offsets, int64_t stretches, double *out) {
    int64_t longest = 0;
    for (int64_t s = 0; s < stretches; s++)
        if (offsets[s + 1] - offsets[s] > longest) longest = offsets[s + 1] - offsets[s];
    keyed_t *room = malloc((size_t)(2 * longest + 1) * sizeof *room);
    if (!room) return -1;
    for (int64_t s = 0; s < stretches; s++) {
        const int64_t count = offsets[s + 1] - offsets[s];
        const double most = count > 1 ? (double)(count - 1) : 1.0;
        for (int64_t i = 0; i < count; i++) {
            room[i].key = key_of(values[offsets[s] + i]);
            room[i].index = offsets[s] + i;
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
