/* Agglomerative clustering by Ward's criterion (Ward 1963), by the update formula of Lance and Williams (1967). */
#include <math.h>

#include "native.h"

void ward(double *squares, int64_t n, double cut, int64_t most, double *sizes, int64_t *cluster) {
    int64_t left = n;
    for (int64_t i = 0; i < n; i++) {
        sizes[i] = 1.0; /* 0: merged into another */
        cluster[i] = i;
    }
    while (left > 1) {
        int64_t a = -1, b = -1;
        double closest = INFINITY;
        for (int64_t i = 0; i < n; i++) {
            if (sizes[i] == 0.0) continue;
            for (int64_t j = i + 1; j < n; j++)
                if (sizes[j] != 0.0 && squares[i * n + j] < closest) {
                    closest = squares[i * n + j];
                    a = i;
                    b = j;
                }
        }
        if (a < 0 || (closest > cut && left <= most)) break;
        for (int64_t k = 0; k < n; k++) {
            if (sizes[k] == 0.0 || k == a || k == b) continue;
            const double to_a = squares[a < k ? a * n + k : k * n + a], to_b = squares[b < k ? b * n + k : k * n + b];
            const double merged = ((sizes[a] + sizes[k]) * to_a + (sizes[b] + sizes[k]) * to_b - sizes[k] * closest) /
                                  (sizes[a] + sizes[b] + sizes[k]);
            squares[a < k ? a * n + k : k * n + a] = merged;
        }
        sizes[a] += sizes[b];
        sizes[b] = 0.0;
        for (int64_t k = 0; k < n; k++)
            if (cluster[k] == b) cluster[k] = a;
        left--;
    }
    int64_t named = 0; /* a cluster's number so far is its first point's index, which comes first */
    for (int64_t i = 0; i < n; i++) cluster[i] = cluster[i] == i ? named++ : cluster[cluster[i]];
}
