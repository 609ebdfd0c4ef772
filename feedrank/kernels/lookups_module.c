/* What module.c does for tables that decay: sizes agree before one is read. */
#include "arrays.h"
#include "native.h"

PyObject *py_decayed(PyObject *self, PyObject *args);
PyObject *py_looked_up(PyObject *self, PyObject *args);
PyObject *py_rows_of(PyObject *self, PyObject *args);

/* decayed(sums (r, width), width, rows, shrinks, faintest, out) */
PyObject *py_decayed(PyObject *self, PyObject *args) {
    PyObject *sums, *rows, *shrinks, *out;
    long long width;
    double faintest;
    (void)self;
    if (!PyArg_ParseTuple(args, "OLOOdO", &sums, &width, &rows, &shrinks, &faintest, &out)) return NULL;
    arrays_t arrays = {.held = 0};
    const double *from = take(&arrays, sums, 8, 0, "sums");
    const int32_t *which = from ? take(&arrays, rows, 4, 0, "rows") : NULL;
    const double *factors = which ? take(&arrays, shrinks, 8, 0, "shrinks") : NULL;
    double *to = factors ? take(&arrays, out, 8, 1, "out") : NULL;
    if (!to) return wrong(&arrays, "");
    const int64_t n = count_of(&arrays, 1);
    if (width < 1 || count_of(&arrays, 2) != width || count_of(&arrays, 3) != n * width)
        return wrong(&arrays, "the shapes of sums, rows, shrinks and out do not agree");
    for (int64_t i = 0; i < n; i++)
        if (which[i] < 0 || (which[i] + 1) * width > count_of(&arrays, 0))
            return wrong(&arrays, "a row lies beyond the table");
    decayed(from, width, which, n, factors, faintest, to);
    return done(&arrays, 0);
}

/* looked_up(keys, weights, touched, firsts, others, oldest, out (firsts, others)) */
PyObject *py_looked_up(PyObject *self, PyObject *args) {
    PyObject *objects[6];
    long long oldest;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOOOLO", &objects[0], &objects[1], &objects[2], &objects[3], &objects[4], &oldest,
                          &objects[5]))
        return NULL;
    static const Py_ssize_t widths[6] = {8, 8, 8, 4, 4, 8};
    static const char *names[6] = {"keys", "weights", "touched", "firsts", "others", "out"};
    arrays_t arrays = {.held = 0};
    void *data[6];
    for (int i = 0; i < 6; i++)
        if (!(data[i] = take(&arrays, objects[i], widths[i], i == 5, names[i]))) return wrong(&arrays, "");
    const pairs_t pairs = {count_of(&arrays, 0), data[0], data[1], data[2]};
    const int64_t k = count_of(&arrays, 3), n = count_of(&arrays, 4);
    if (count_of(&arrays, 1) != pairs.entries || count_of(&arrays, 2) != pairs.entries || count_of(&arrays, 5) != k * n)
        return wrong(&arrays, "the shapes of keys, weights, touched and out do not agree");
    return done(&arrays, looked_up(&pairs, data[3], k, data[4], n, oldest, data[5]));
}

/* rows_of(((keys, weights, touched), ...), spans (tiers, k, 2), oldest, others, weights, sizes) -> count */
PyObject *py_rows_of(PyObject *self, PyObject *args) {
    PyObject *objects[3 * TIERS + 4];
    long long oldest;
    (void)self;
    if (!PyArg_ParseTuple(args, "((OOO)(OOO)(OOO))OLOOO", &objects[0], &objects[1], &objects[2], &objects[3], &objects[4],
                          &objects[5], &objects[6], &objects[7], &objects[8], &objects[9], &oldest, &objects[10],
                          &objects[11], &objects[12]))
        return NULL;
    static const Py_ssize_t widths[4] = {8, 4, 8, 8};
    static const char *names[4] = {"spans", "others", "weights", "sizes"};
    arrays_t arrays = {.held = 0};
    void *data[3 * TIERS + 4];
    for (int i = 0; i < 3 * TIERS; i++)
        if (!(data[i] = take(&arrays, objects[i], 8, 0, "a tier"))) return wrong(&arrays, "");
    for (int i = 0; i < 4; i++)
        if (!(data[9 + i] = take(&arrays, objects[9 + i], widths[i], i > 0, names[i]))) return wrong(&arrays, "");
    const int64_t k = count_of(&arrays, 12), *spans = data[9];
    pairs_t tiers[TIERS];
    int64_t most = 0;
    if (count_of(&arrays, 9) != 2 * TIERS * k) return wrong(&arrays, "the shapes of spans and sizes do not agree");
    for (int t = 0; t < TIERS; t++) {
        tiers[t] = (pairs_t){count_of(&arrays, 3 * t), data[3 * t], data[3 * t + 1], data[3 * t + 2]};
        if (count_of(&arrays, 3 * t + 1) != tiers[t].entries || count_of(&arrays, 3 * t + 2) != tiers[t].entries)
            return wrong(&arrays, "the shapes of keys, weights and touched do not agree");
        for (const int64_t *span = spans + 2 * t * k; span < spans + 2 * (t + 1) * k; span += 2) {
            if (span[0] < 0 || span[1] < span[0] || span[1] > tiers[t].entries)
                return wrong(&arrays, "a span lies beyond its tier");
            most += span[1] - span[0];
        }
    }
    if (count_of(&arrays, 10) != most || count_of(&arrays, 11) != most)
        return wrong(&arrays, "others or weights does not have room for all entries");
    const int64_t found = rows_of(tiers, spans, k, oldest, data[10], data[11], data[12]);
    Py_XDECREF(done(&arrays, 0));
    return PyErr_Occurred() ? NULL : PyLong_FromLongLong(found);
}
