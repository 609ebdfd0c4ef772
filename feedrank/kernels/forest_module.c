/* What module.c does for forests: one is checked to be of trees and laid out once, and lives as long as its capsule. */
#include "arrays.h"
#include "native.h"

static const char *const FOREST = "feedrank.kernels.forest";

/* Whether every node of every tree leads to a slot of its tree that comes later, and reads a column there is. */
static int sound(const trees_t *trees, int64_t nodes, int64_t leaves) {
    if (trees->first_node[0] != 0 || trees->first_leaf[0] != 0 || trees->first_node[trees->trees] != nodes ||
        trees->first_leaf[trees->trees] != leaves)
        return 0;
    for (int64_t t = 0; t < trees->trees; t++) {
        const int32_t first = trees->first_node[t], inner = trees->first_node[t + 1] - first;
        const int32_t ends = trees->first_leaf[t + 1] - trees->first_leaf[t];
        if (first < 0 || first > nodes || inner < 0 || inner > nodes - first || ends != inner + 1 ||
            inner + ends > MOST_SLOTS)
            return 0;
        for (int32_t slot = 0; slot < inner; slot++) {
            const int32_t node = first + slot, left = trees->left[node], right = trees->right[node];
            if (left <= slot || right <= slot || left >= inner + ends || right >= inner + ends) return 0;
            if (trees->column[node] < 0 || trees->column[node] >= 2 * trees->features) return 0;
        }
    }
    return 1;
}

static void released(PyObject *capsule) { forest_free(PyCapsule_GetPointer(capsule, FOREST)); }

PyObject *py_forest(PyObject *self, PyObject *args);
PyObject *py_forest_scores(PyObject *self, PyObject *args);

/* forest(first_node, first_leaf, column, threshold, left, right, leaf_value, features) -> capsule */
PyObject *py_forest(PyObject *self, PyObject *args) {
    PyObject *objects[7];
    long long features;
    (void)self;
    if (!PyArg_ParseTuple(args, "OOOOOOOL", &objects[0], &objects[1], &objects[2], &objects[3], &objects[4],
                          &objects[5], &objects[6], &features))
        return NULL;
    static const Py_ssize_t widths[7] = {4, 4, 4, 4, 4, 4, 8};
    static const char *names[7] = {"first_node", "first_leaf", "column", "threshold", "left", "right", "leaf_value"};
    arrays_t arrays = {.held = 0};
    void *data[7];
    for (int i = 0; i < 7; i++)
        if (!(data[i] = take(&arrays, objects[i], widths[i], 0, names[i]))) return wrong(&arrays, "");
    const int64_t nodes = count_of(&arrays, 2), leaves = count_of(&arrays, 6);
    const trees_t trees = {count_of(&arrays, 0) - 1, features, data[0], data[1], data[2], data[3], data[4], data[5],
                           data[6]};
    if (trees.trees < 0 || features < 1 || features > MOST_FEATURES || count_of(&arrays, 1) != trees.trees + 1 ||
        count_of(&arrays, 3) != nodes || count_of(&arrays, 4) != nodes || count_of(&arrays, 5) != nodes)
        return wrong(&arrays, "the shapes of the forest do not agree");
    if (!sound(&trees, nodes, leaves)) return wrong(&arrays, "the forest is not one of trees");
    forest_t *forest = forest_of(&trees);
    PyObject *capsule = forest ? PyCapsule_New(forest, FOREST, released) : NULL;
    if (forest && !capsule) forest_free(forest);
    Py_XDECREF(done(&arrays, !forest));
    return capsule;
}

/* forest_scores(forest, by_column, rows, out) */
PyObject *py_forest_scores(PyObject *self, PyObject *args) {
    PyObject *capsule, *rows, *out;
    int by_column;
    (void)self;
    if (!PyArg_ParseTuple(args, "OpOO", &capsule, &by_column, &rows, &out)) return NULL;
    const forest_t *forest = PyCapsule_GetPointer(capsule, FOREST);
    if (!forest) return NULL;
    arrays_t arrays = {.held = 0};
    const float *from = take(&arrays, rows, 4, 0, "rows");
    double *to = from ? take(&arrays, out, 8, 1, "out") : NULL;
    if (!to) return wrong(&arrays, "");
    const int64_t n = count_of(&arrays, 1);
    if (count_of(&arrays, 0) != n * forest->features)
        return wrong(&arrays, "the rows do not have one value for each of the forest's features");
    int failed;
    Py_BEGIN_ALLOW_THREADS;
    failed = forest_scores(forest, from, n, by_column, to);
    Py_END_ALLOW_THREADS;
    return done(&arrays, failed);
}
