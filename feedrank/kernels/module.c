/* The Python module `_native`: checks what it is given, releases the interpreter, calls a kernel.
 *
 * Arrays come and go by the buffer protocol, so that building needs no NumPy. Wrong types, shapes or sizes raise
 * ValueError; sizes agree before a kernel runs, so that no kernel reads beyond an array.
 */
#include "arrays.h"
#include "native.h"

PyObject *py_forest(PyObject *self, PyObject *args); /* forest_module.c */
PyObject *py_decayed(PyObject *self, PyObject *args); /* lookups_module.c */
PyObject *py_looked_up(PyObject *self, PyObject *args);
PyObject *py_rows_of(PyObject *self, PyObject *args);

static int runs_avx512 = 0;

int has_avx512(void) { return runs_avx512; }

static int machine_has_avx512(void) {
#if HAS_AVX512_BUILD
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#else
    return 0;
#endif
}

/* use_avx512(wanted) -> whether it is used from now on. For tests of the other builds. */
static PyObject *py_use_avx512(PyObject *self, PyObject *args) {
    int wanted;
    (void)self;
    if (!PyArg_ParseTuple(args, "p", &wanted)) return NULL;
    runs_avx512 = wanted && machine_has_avx512();
    return PyBool_FromLong(runs_avx512);
}

/* products(table, half, places or None, b, m, d, out) */
static PyObject *py_products(PyObject *self, PyObject *args) {
    PyObject *table, *places, *b, *out;
    int half;
    long long m, d;
    (void)self;
    if (!PyArg_ParseTuple(args, "OpOOLLO", &table, &half, &places, &b, &m, &d, &out)) return NULL;
    arrays_t arrays = {.held = 0};
    const void *from = take(&arrays, table, half ? 2 : 4, 0, "table");
    const float *queries = from ? take(&arrays, b, 4, 0, "b") : NULL;
    float *to = queries ? take(&arrays, out, 4, 1, "out") : NULL;
    if (!to) return wrong(&arrays, "");
    if (m < 1 || d < 1 || count_of(&arrays, 1) != m * d || count_of(&arrays, 0) % d)
        return wrong(&arrays, "the shapes of table, b, m and d do not agree");
    const int64_t vectors = count_of(&arrays, 0) / d;
    int64_t n = vectors;
    const int32_t *at = NULL;
    if (places != Py_None) {
        at = take(&arrays, places, 4, 0, "places");
        if (!at) return wrong(&arrays, "");
        n = count_of(&arrays, 3);
        for (int64_t i = 0; i < n; i++)
            if (at[i] >= vectors) return wrong(&arrays, "a place lies beyond the table");
    }
    if (count_of(&arrays, 2) != n * m) return wrong(&arrays, "out does not have one entry for each product");
    int failed;
    Py_BEGIN_ALLOW_THREADS;
    failed = products(from, half, at, n, queries, m, d, to);
    Py_END_ALLOW_THREADS;
    return done(&arrays, failed);
}

/* greatest(scores (n, m), column, rows, alive, k, keys) -> count */
static PyObject *py_greatest(PyObject *self, PyObject *args) {
    PyObject *scores, *rows, *alive, *keys;
    long long m, column, k;
    (void)self;
    if (!PyArg_ParseTuple(args, "OLLOOLO", &scores, &m, &column, &rows, &alive, &k, &keys)) return NULL;
    arrays_t arrays = {.held = 0};
    const float *values = take(&arrays, scores, 4, 0, "scores");
    const int32_t *row_of = values ? take(&arrays, rows, 4, 0, "rows") : NULL;
    const uint8_t *alive_at = row_of ? take(&arrays, alive, 1, 0, "alive") : NULL;
    uint64_t *to = alive_at ? take(&arrays, keys, 8, 1, "keys") : NULL;
    if (!to) return wrong(&arrays, "");
    const int64_t n = count_of(&arrays, 1);
    if (m < 1 || column < 0 || column >= m || k < 1 || count_of(&arrays, 0) != n * m || count_of(&arrays, 2) != n ||
        count_of(&arrays, 3) < 3 * k + 256)
        return wrong(&arrays, "the shapes of scores, rows, alive and keys do not agree");
    int64_t found;
    Py_BEGIN_ALLOW_THREADS;
    found = greatest(values + column, m, row_of, alive_at, n, k, to);
    Py_END_ALLOW_THREADS;
    Py_XDECREF(done(&arrays, 0));
    return PyErr_Occurred() ? NULL : PyLong_FromLongLong(found);
}

/* in_slate(scores, values (columns, n), offsets, out): standard scores if `scores`, else places by size */
static PyObject *py_in_slate(PyObject *self, PyObject *args) {
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
static PyObject *py_matched(PyObject *self, PyObject *args) {
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
static PyObject *py_positions(PyObject *self, PyObject *args) {
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
static PyObject *py_distinct(PyObject *self, PyObject *args) {
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
static PyObject *py_summaries(PyObject *self, PyObject *args) {
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

/* ward(squares, cut, most, sizes, cluster) */
static PyObject *py_ward(PyObject *self, PyObject *args) {
    PyObject *squares, *sizes, *cluster;
    double cut;
    long long most;
    (void)self;
    if (!PyArg_ParseTuple(args, "OdLOO", &squares, &cut, &most, &sizes, &cluster)) return NULL;
    arrays_t arrays = {.held = 0};
    double *from = take(&arrays, squares, 8, 1, "squares");
    double *room = from ? take(&arrays, sizes, 8, 1, "sizes") : NULL;
    int64_t *to = room ? take(&arrays, cluster, 8, 1, "cluster") : NULL;
    if (!to) return wrong(&arrays, "");
    const int64_t n = count_of(&arrays, 2);
    if (count_of(&arrays, 0) != n * n || count_of(&arrays, 1) != n)
        return wrong(&arrays, "the shapes of squares, sizes and cluster do not agree");
    Py_BEGIN_ALLOW_THREADS;
    ward(from, n, cut, most, room, to);
    Py_END_ALLOW_THREADS;
    return done(&arrays, 0);
}

static PyMethodDef methods[] = {
    {"use_avx512", py_use_avx512, METH_VARARGS, "Whether AVX-512 builds run, where the machine has it."},
    {"products", py_products, METH_VARARGS, "Inner products; see feedrank.kernels."},
    {"greatest", py_greatest, METH_VARARGS, "Keys of the greatest scores; see feedrank.kernels."},
    {"in_slate", py_in_slate, METH_VARARGS, "Places or standard scores in each slate; see feedrank.kernels."},
    {"positions", py_positions, METH_VARARGS, "Where rows stand among others; see feedrank.kernels."},
    {"distinct", py_distinct, METH_VARARGS, "Rows without repeats; see feedrank.kernels."},
    {"summaries", py_summaries, METH_VARARGS, "Greatest values and sums of rows; see feedrank.kernels."},
    {"decayed", py_decayed, METH_VARARGS, "Decayed sums of rows; see feedrank.kernels."},
    {"looked_up", py_looked_up, METH_VARARGS, "Weights of pairs; see feedrank.kernels."},
    {"rows_of", py_rows_of, METH_VARARGS, "Rows of pairs kept in tiers; see feedrank.kernels."},
    {"ward", py_ward, METH_VARARGS, "Ward's clusters; see feedrank.kernels."},
    {"matched", py_matched, METH_VARARGS, "Groups of equal keys; see feedrank.kernels."},
    {"forest_scores", py_forest, METH_VARARGS, "Scores of a forest; see feedrank.kernels."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {PyModuleDef_HEAD_INIT, "_native", "Compiled kernels.", -1, methods,
                                        NULL,                  NULL,      NULL,                NULL};

PyMODINIT_FUNC PyInit__native(void) {
    runs_avx512 = machine_has_avx512();
    PyObject *module = PyModule_Create(&definition);
    if (module && PyModule_AddIntConstant(module, "AVX512", runs_avx512) < 0) Py_CLEAR(module);
    return module;
}
