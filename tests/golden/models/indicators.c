/* A network 13-4-1, trained with shaderprop 0.1.0.

   indicators_predict says of a row of a table what 5 is.
   numbers (NaN where missing): 0, 1, 2, 4
   categories (NULL or "" where missing): 3
   It returns 0, or, leaving the output as it is, the place of the column that it refuses, counted from 1:
   the numbers first, then the categories.

   C99; link with the mathematical library (-lm). */

#include <math.h>
#include <stddef.h>
#include <string.h>

int indicators_predict(const double *numbers, const char *const *categories, double output[1]);

static const float indicators_layers_0_weight[13][4] = {
    {0.22498944f, 0.32358253f, -0.28617635f, 0.15417866f},
    {-0.11076577f, -0.142723f, -0.54734266f, -0.6500261f},
    {-0.60068136f, -0.42147574f, -0.6406873f, -0.06556721f},
    {0.09653006f, 0.5501647f, -0.52949303f, 0.46148166f},
    {0.37382567f, 0.41346905f, 0.20118324f, 0.23852392f},
    {-0.4623065f, -0.45176867f, 0.07190414f, -0.6425134f},
    {0.2742427f, 0.039705545f, -0.41927904f, -0.15632494f},
    {0.046494685f, -0.5343091f, 0.0498596f, -0.07800906f},
    {0.58653855f, -0.15438291f, 0.6468013f, 0.42273793f},
    {0.2551865f, 0.5267898f, -0.48990288f, 0.41067442f},
    {0.3453854f, 0.4284319f, 0.27937463f, 0.09772479f},
    {0.22810115f, -0.2806901f, -0.23155968f, -0.092690304f},
    {0.20940444f, -0.54106325f, 0.21829814f, 0.65909714f},
};

static const float indicators_layers_0_bias[4] = {
    -0.039161626f, -0.007963838f, 0.0036505384f, -0.028309679f
};

static const float indicators_layers_1_weight[4][1] = {
    {0.5987338f},
    {0.051941354f},
    {-0.5674936f},
    {0.5002888f},
};

static const float indicators_layers_1_bias[1] = {
    -0.061435506f
};

static float indicators_tanh(float x) {
    return tanhf(x);
}

static float indicators_identity(float x) {
    return x;
}

static void indicators_network(const float *input, float *output) {
    float output_0[4];
    int i, j;
    for (j = 0; j < 4; j++) output_0[j] = indicators_layers_0_bias[j];
    for (i = 0; i < 13; i++)
        for (j = 0; j < 4; j++) output_0[j] += input[i] * indicators_layers_0_weight[i][j];
    for (j = 0; j < 4; j++) output_0[j] = indicators_tanh(output_0[j]);
    for (j = 0; j < 1; j++) output[j] = indicators_layers_1_bias[j];
    for (i = 0; i < 4; i++)
        for (j = 0; j < 1; j++) output[j] += output_0[i] * indicators_layers_1_weight[i][j];
    for (j = 0; j < 1; j++) output[j] = indicators_identity(output[j]);
}

static const char *const indicators_categories_0[] = {"", "1", "1.0", "blue", "red"};

static const char *const indicators_missing[] = {"none", "-9", ""};

/* Whether two words are the same but for small and capital letters. */
static int indicators_same(const char *a, const char *b) {
    for (; *a != '\0' || *b != '\0'; a++, b++) {
        char lower = *a >= 'A' && *a <= 'Z' ? (char)(*a - 'A' + 'a') : *a;
        if (lower != *b) return 0;
    }
    return 1;
}

/* The place of a category, the one after the last for what is none of them. */
static int indicators_find(const char *cell, const char *const *names, int count, int missing) {
    int i;
    if (cell == NULL) return missing;
    for (i = 0; i < 3; i++)
        if (indicators_same(cell, indicators_missing[i])) return missing;
    for (i = 0; i < count; i++)
        if (strcmp(cell, names[i]) == 0) return i;
    return count;
}

int indicators_predict(const double *numbers, const char *const *categories, double output[1]) {
    float input[13] = {0.0f};
    double x;
    int place;
    float scaled[1];
    x = numbers[0];
    if (!isfinite(x)) x = 199.95;
    x = (x - (199.95)) / 115.4771947182647;
    if (!(fabs(x) < 3.4028235677973366e38)) return 1;
    input[0] = (float)x;
    x = numbers[1];
    if (!isfinite(x)) input[2] = 1.0f, x = 5414.0;
    x = (x - (5436.9925)) / 2407.742185626142;
    if (!(fabs(x) < 3.4028235677973366e38)) return 2;
    input[1] = (float)x;
    x = numbers[2];
    if (!isfinite(x)) input[4] = 1.0f, x = 18395.0;
    x = (x - (18396.155)) / 75.07100622077749;
    if (!(fabs(x) < 3.4028235677973366e38)) return 3;
    input[3] = (float)x;
    place = indicators_find(categories[0], indicators_categories_0, 5, 0);
    input[5 + place] = 1.0f;
    x = numbers[3];
    if (!isfinite(x)) input[12] = 1.0f, x = 39601.5;
    x = (x - (52055.2775)) / 45814.366367363364;
    if (!(fabs(x) < 3.4028235677973366e38)) return 4;
    input[11] = (float)x;
    indicators_network(input, scaled);
    output[0] = scaled[0] * 346.40907898032924 + (599.5);
    return 0;
}
