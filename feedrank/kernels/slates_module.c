/* What module.c does for slates: sizes and offsets agree before a value is read. */
#include "arrays.h"
#include "native.h"

PyObject *py_in_slate(PyObject *self, PyObject *args);
PyObject *py_matched(PyObject *self, PyObject *args);
PyObject *py_positions(PyObject *self, PyObject *args);
PyObject *py_distinct(PyObject *self, PyObject *args);
PyObject *py_summaries(PyObject *self, PyObject *args);
PyObject *py_foremost(PyObject *self, PyObject *args);

/* in_slate(scores, values (columns, n), offsets, out): standard scores if `scores`, else places by size */
PyObject *py_in_slate(PyObject *self, PyObject *args) {
    PyObject *values, *offsets, *out;
    int scores;
    (void)self;
    if (!PyArg_ParseTuple(args, "pOOO", &scores, &values, &offsets, &out)) return NULL;
    arrays_t arrays = {.held = 0};
    const double *from = take(&arrays, values, 8, 0, "values");
    const int64_t *ends = from ? take(&arrays, offsets, 8, 0, "offsets") : NULL;
    double *to = ends ? take(&arrays, out, 8, 1, "out") : NULL;
    if (!to) return wrong(&arrays, "");
    const int64_t total = count_of(&arrays, 0), stretches = count_of(&arrays, 1) - 1;
    if (stretches < 0 || count_of(&arrays, 2) != total || ends[0] != 0)
        return wrong(&arrays, "the shapes of values, offsets and out do not agree");
    for (int64_t s = 0; s < stretches; s++)
        if (ends[s + 1] < ends[s]) return wrong(&arrays, "offsets fall");
    const int64_t n = ends[stretches], columns = n ? total / n : 0;
    if (columns * n != total) return wrong(&arrays, "the shapes of values, offsets and out do not agree");
    int failed = 0;
    Py_BEGIN_ALLOW_THREADS;
    if (scores)
        standard_scores(from, columns, ends, stretches, to);
    else
        failed = places_by_size(from, columns, ends, stretches, to);
    Py_END_ALLOW_THREADS;
    return done(&arrays, failed);
}

/* matched(keys, wanted, group, asked) -> groups */
PyObject *py_matched(PyObject *self, PyObject *args) {
    PyObject *objects[4];
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOO", &objects[0], &objects[1], &objects[2], &objects[3])) return NULL;
    static const char *names[4] = {"keys", "wanted", "group", "asked"};
    arrays_t arrays = {.held = 0};
    void *data[4];
    for (int i = 0; i < 4; i++)
        if (!(data[i] = take(&arrays, objects[i], 8, i >= 2, names[i]))) return wrong(&arrays, "");
    const int64_t entries = count_of(&arrays, 0), n = count_of(&arrays, 1);
    if (count_of(&arrays, 2) != entries || count_of(&arrays, 3) != n)
        return wrong(&arrays, "group and asked do not have one entry for each key");
    int64_t groups;
    Py_BEGIN_ALLOW_THREADS;
    groups = matched(data[0], entries, data[1], n, data[2], data[3]);
    Py_END_ALLOW_THREADS;
    Py_XDECREF(done(&arrays, groups < 0));
    return PyErr_Occurred() ? NULL : PyLong_FromLongLong(groups);
}

/* positions(rows, others, out) */
PyObject *py_positions(PyObject *self, PyObject *args) {
    PyObject *objects[3];
    (void)self;
    if (!PyArg_ParseTuple(args, "OOO", &objects[0], &objects[1], &objects[2])) return NULL;
    static const char *names[3] = {"rows", "others", "out"};
    arrays_t arrays = {.held = 0};
    void *data[3];
    for (int i = 0; i < 3; i++)
        if (!(data[i] = take(&arrays, objects[i], 4, i == 2, names[i]))) return wrong(&arrays, "");
    const int64_t n = count_of(&arrays, 0);
    if (count_of(&arrays, 2) != n) return wrong(&arrays, "out does not have one entry for each row");
    return done(&arrays, positions(data[0], n, data[1], count_of(&arrays, 1), data[2]));
}

/* distinct(rows, out, weights or None, sums or None) -> count */
PyObject *py_distinct(PyObject *self, PyObject *args) {
    PyObject *rows, *out, *weights, *sums;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOO", &rows, &out, &weights, &sums)) return NULL;
    arrays_t arrays = {.held = 0};
    const int32_t *from = take(&arrays, rows, 4, 0, "rows");
    int32_t *to = from ? take(&arrays, out, 4, 1, "out") : NULL;
    if (!to) return wrong(&arrays, "");
    const int64_t n = count_of(&arrays, 0);
    if (count_of(&arrays, 1) != n) return wrong(&arrays, "out does not have room for all rows");
    const double *amounts = NULL;
    double *totals = NULL;
    if (weights != Py_None) {
        amounts = take(&arrays, weights, 8, 0, "weights");
        totals = amounts ? take(&arrays, sums, 8, 1, "sums") : NULL;
        if (!totals) return wrong(&arrays, "");
        if (count_of(&arrays, 2) != n || count_of(&arrays, 3) != n)
            return wrong(&arrays, "weights or sums does not have one entry for each row");
    }
    const int64_t found = distinct(from, n, to, amounts, totals);
    Py_XDECREF(done(&arrays, found < 0));
    return PyErr_Occurred() ? NULL : PyLong_FromLongLong(found);
}

/* summaries(values, weights, top, out) */
PyObject *py_summaries(PyObject *self, PyObject *args) {
    PyObject *values, *weights, *out;
    long long top;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOLO", &values, &weights, &top, &out)) return NULL;
    arrays_t arrays = {.held = 0};
    const float *from = take(&arrays, values, 4, 0, "values");
    const double *weight_of = from ? take(&arrays, weights, 8, 0, "weights") : NULL;
    double *to = weight_of ? take(&arrays, out, 8, 1, "out") : NULL;
    if (!to) return wrong(&arrays, "");
    const int64_t h = count_of(&arrays, 1), n = count_of(&arrays, 2) / 4;
    const int64_t stride = n ? count_of(&arrays, 0) / n : h;
    if (top < 1 || top > MOST_TOP || h < top || stride < h || count_of(&arrays, 0) != n * stride ||
        count_of(&arrays, 2) != 4 * n)
        return wrong(&arrays, "the shapes of values, weights and out do not agree");
    Py_BEGIN_ALLOW_THREADS;
    summaries(from, stride, n, h, weight_of, top, to);
    Py_END_ALLOW_THREADS;
    return done(&arrays, 0);
}

/* foremost(values, places, open) -> index or -1 */
PyObject *py_foremost(PyObject *self, PyObject *args) {
    PyObject *values, *places, *open;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOO", &values, &places, &open)) return NULL;
    arrays_t arrays = {.held = 0};
    const double *from = take(&arrays, values, 8, 0, "values");
    const int32_t *at = from ? take(&arrays, places, 4, 0, "places") : NULL;
    const uint8_t *open_at = at ? take(&arrays, open, 1, 0, "open") : NULL;
    if (!open_at) return wrong(&arrays, "");
    const int64_t n = count_of(&arrays, 0);
    if (count_of(&arrays, 1) != n) return wrong(&arrays, "there is not one place for each value");
    for (int64_t i = 0; i < n; i++)
        if (at[i] < 0 || at[i] >= count_of(&arrays, 2)) return wrong(&arrays, "a place lies beyond the open ones");
    const int64_t found = foremost(from, at, n, open_at);
    Py_XDECREF(done(&arrays, 0));
    return PyErr_Occurred() ? NULL : PyLong_FromLongLong(found);
}
