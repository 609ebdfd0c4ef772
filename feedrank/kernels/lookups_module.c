/* What module.c does for tables that decay: sizes agree before one is read. */
#include "arrays.h"
#include "native.h"

PyObject *py_decayed(PyObject *self, PyObject *args);
PyObject *py_looked_up(PyObject *self, PyObject *args);
PyObject *py_rows_of(PyObject *self, PyObject *args);
PyObject *py_counted(PyObject *self, PyObject *args);
PyObject *py_taken(PyObject *self, PyObject *args);
PyObject *py_paired(PyObject *self, PyObject *args);

#define MOST_COLUMNS 24

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

/* counted(sums, kinds, width, rows, which, weights) */
PyObject *py_counted(PyObject *self, PyObject *args) {
    PyObject *sums, *rows, *which, *weights;
    long long kinds, width;
    (void)self;
    if (!PyArg_ParseTuple(args, "OLLOOO", &sums, &kinds, &width, &rows, &which, &weights)) return NULL;
    arrays_t arrays = {.held = 0};
    double *to = take(&arrays, sums, 8, 1, "sums");
    const int32_t *at = to ? take(&arrays, rows, 4, 0, "rows") : NULL;
    const int32_t *kind = at ? take(&arrays, which, 4, 0, "kinds") : NULL;
    const double *from = kind ? take(&arrays, weights, 8, 0, "weights") : NULL;
    if (!from) return wrong(&arrays, "");
    const int64_t n = count_of(&arrays, 1);
    if (kinds < 1 || width < 1 || count_of(&arrays, 2) != n || count_of(&arrays, 3) != n * width)
        return wrong(&arrays, "the shapes of sums, rows, kinds and weights do not agree");
    for (int64_t i = 0; i < n; i++)
        if (at[i] < 0 || (at[i] + 1) * kinds * width > count_of(&arrays, 0) || kind[i] < 0 || kind[i] >= kinds)
            return wrong(&arrays, "a row or a kind lies beyond the table");
    counted(to, kinds, width, at, kind, n, from);
    return done(&arrays, 0);
}

/* taken((column, ...), rows, (out, ...)) */
PyObject *py_taken(PyObject *self, PyObject *args) {
    PyObject *columns, *rows, *outs;
    (void)self;
    if (!PyArg_ParseTuple(args, "O!OO!", &PyTuple_Type, &columns, &rows, &PyTuple_Type, &outs)) return NULL;
    const Py_ssize_t some = PyTuple_GET_SIZE(columns);
    if (some > MOST_COLUMNS || PyTuple_GET_SIZE(outs) != some) {
        PyErr_SetString(PyExc_ValueError, "too many columns, or not an output for each");
        return NULL;
    }
    Py_buffer views[2 * MOST_COLUMNS + 1];
    int held = 0;
    const char *from[MOST_COLUMNS];
    char *to[MOST_COLUMNS];
    int64_t widths[MOST_COLUMNS], least = INT32_MAX;
    int failed = borrow(rows, &views[0], 4, 0, "rows") < 0;
    held += !failed;
    const int32_t *at = held ? views[0].buf : NULL;
    const int64_t n = held ? COUNT(views[0]) : 0;
    for (Py_ssize_t c = 0; c < some && !failed; c++) {
        PyObject *pair[2] = {PyTuple_GET_ITEM(columns, c), PyTuple_GET_ITEM(outs, c)};
        for (int side = 0; side < 2 && !failed; side++) {
            failed = PyObject_GetBuffer(pair[side], &views[held], PyBUF_C_CONTIGUOUS | (side ? PyBUF_WRITABLE : 0)) < 0;
            held += !failed;
        }
        if (failed) break;
        const Py_buffer *column = &views[held - 2], *out = &views[held - 1];
        if (column->ndim < 1 || out->ndim < 1 || column->shape[0] < 1 || out->shape[0] != n ||
            out->len * column->shape[0] != column->len * n) {
            PyErr_SetString(PyExc_ValueError, "a column is empty, or its output does not fit it and the rows");
            failed = 1;
            break;
        }
        from[c] = column->buf;
        to[c] = out->buf;
        widths[c] = column->len / column->shape[0];
        if (column->shape[0] < least) least = column->shape[0];
    }
    for (int64_t i = 0; i < n && !failed && some; i++)
        if (at[i] < 0 || at[i] >= least) {
            PyErr_SetString(PyExc_ValueError, "a row lies beyond a column");
            failed = 1;
        }
    if (!failed) taken(from, widths, some, at, n, to);
    while (held) PyBuffer_Release(&views[--held]);
    if (failed) return NULL;
    Py_RETURN_NONE;
}

/* Three tiers' columns from the first nine of `objects`. 0, or -1 where they do not fit. */
static int tiers_of(arrays_t *arrays, PyObject **objects, pairs_t *tiers) {
    for (int t = 0; t < TIERS; t++) {
        void *data[3];
        for (int i = 0; i < 3; i++)
            if (!(data[i] = take(arrays, objects[3 * t + i], 8, 0, "a tier"))) return -1;
        tiers[t] = (pairs_t){count_of(arrays, 3 * t), data[0], data[1], data[2]};
        if (count_of(arrays, 3 * t + 1) != tiers[t].entries || count_of(arrays, 3 * t + 2) != tiers[t].entries) {
            PyErr_SetString(PyExc_ValueError, "the shapes of keys, weights and touched do not agree");
            return -1;
        }
    }
    return 0;
}
#define TIERS_FORMAT "((OOO)(OOO)(OOO))"
#define TIER(o, t) &o[3 * (t)], &o[3 * (t) + 1], &o[3 * (t) + 2]

/* looked_up(((keys, weights, touched), ...), firsts, others, oldest, factor, out (others, firsts)) */
PyObject *py_looked_up(PyObject *self, PyObject *args) {
    PyObject *objects[3 * TIERS], *firsts, *others, *out;
    long long oldest;
    double factor;
    (void)self;
    if (!PyArg_ParseTuple(args, TIERS_FORMAT "OOLdO", TIER(objects, 0), TIER(objects, 1), TIER(objects, 2), &firsts, &others,
                          &oldest, &factor, &out))
        return NULL;
    arrays_t arrays = {.held = 0};
    pairs_t tiers[TIERS];
    if (tiers_of(&arrays, objects, tiers) < 0) return wrong(&arrays, "");
    const int32_t *a = take(&arrays, firsts, 4, 0, "firsts");
    const int32_t *b = a ? take(&arrays, others, 4, 0, "others") : NULL;
    double *to = b ? take(&arrays, out, 8, 1, "out") : NULL;
    if (!to) return wrong(&arrays, "");
    const int64_t k = count_of(&arrays, 9), n = count_of(&arrays, 10);
    if (count_of(&arrays, 11) != k * n) return wrong(&arrays, "the shape of out does not agree with the rows");
    return done(&arrays, looked_up(tiers, a, k, b, n, oldest, factor, to));
}

/* paired(((keys, weights, touched), ...), firsts, seconds, growths, times, newest, span, keys, weights, touched) -> count */
PyObject *py_paired(PyObject *self, PyObject *args) {
    PyObject *objects[3 * TIERS], *more[7];
    long long newest, span;
    (void)self;
    if (!PyArg_ParseTuple(args, TIERS_FORMAT "OOOOLLOOO", TIER(objects, 0), TIER(objects, 1), TIER(objects, 2), &more[0],
                          &more[1], &more[2], &more[3], &newest, &span, &more[4], &more[5], &more[6]))
        return NULL;
    static const Py_ssize_t widths[7] = {4, 4, 8, 8, 8, 8, 8};
    static const char *names[7] = {"firsts", "seconds", "growths", "times", "keys", "weights", "touched"};
    arrays_t arrays = {.held = 0};
    pairs_t tiers[TIERS];
    void *data[7];
    if (tiers_of(&arrays, objects, tiers) < 0) return wrong(&arrays, "");
    for (int i = 0; i < 7; i++)
        if (!(data[i] = take(&arrays, more[i], widths[i], i > 3, names[i]))) return wrong(&arrays, "");
    const int64_t n = count_of(&arrays, 9);
    for (int i = 1; i < 4; i++)
        if (count_of(&arrays, 9 + i) != n) return wrong(&arrays, "firsts, seconds, growths and times are not as many");
    for (int i = 4; i < 7; i++)
        if (count_of(&arrays, 9 + i) < tiers[TIERS - 1].entries + n) return wrong(&arrays, "there is not room for all entries");
    const int64_t count = paired(tiers, data[0], data[1], data[2], data[3], n, newest, span, data[4], data[5], data[6]);
    Py_XDECREF(done(&arrays, count < 0));
    return PyErr_Occurred() ? NULL : PyLong_FromLongLong(count);
}

/* rows_of(((keys, weights, touched), ...), spans (tiers, k, 2), oldest, others, weights, sizes) -> count */
PyObject *py_rows_of(PyObject *self, PyObject *args) {
    PyObject *objects[3 * TIERS], *more[4];
    long long oldest;
    (void)self;
    if (!PyArg_ParseTuple(args, TIERS_FORMAT "OLOOO", TIER(objects, 0), TIER(objects, 1), TIER(objects, 2), &more[0], &oldest,
                          &more[1], &more[2], &more[3]))
        return NULL;
    static const Py_ssize_t widths[4] = {8, 4, 8, 8};
    static const char *names[4] = {"spans", "others", "weights", "sizes"};
    arrays_t arrays = {.held = 0};
    pairs_t tiers[TIERS];
    void *data[4];
    if (tiers_of(&arrays, objects, tiers) < 0) return wrong(&arrays, "");
    for (int i = 0; i < 4; i++)
        if (!(data[i] = take(&arrays, more[i], widths[i], i > 0, names[i]))) return wrong(&arrays, "");
    const int64_t k = count_of(&arrays, 12), *spans = data[0];
    int64_t most = 0;
    if (count_of(&arrays, 9) != 2 * TIERS * k) return wrong(&arrays, "the shapes of spans and sizes do not agree");
    for (int t = 0; t < TIERS; t++)
        for (const int64_t *span = spans + 2 * t * k; span < spans + 2 * (t + 1) * k; span += 2) {
            if (span[0] < 0 || span[1] < span[0] || span[1] > tiers[t].entries)
                return wrong(&arrays, "a span lies beyond its tier");
            most += span[1] - span[0];
        }
    if (count_of(&arrays, 10) != most || count_of(&arrays, 11) != most)
        return wrong(&arrays, "others or weights does not have room for all entries");
    const int64_t found = rows_of(tiers, spans, k, oldest, data[1], data[2], data[3]);
    Py_XDECREF(done(&arrays, 0));
    return PyErr_Occurred() ? NULL : PyLong_FromLongLong(found);
}
