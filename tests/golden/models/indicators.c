/* A network 12-4-1, trained with shaderprop 0.1.0.

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

static const float indicators_layers_0_weight[12][4] = {
    {0.16250488f, 0.3350183f, -0.23297292f, 0.12635484f},
    {-0.1071684f, -0.16537395f, -0.60298616f, -0.67239517f},
    {-0.61924756f, -0.43713522f, -0.66817796f, -0.061447177f},
    {0.113569655f, 0.5530953f, -0.58975846f, 0.48138884f},
    {0.39246154f, 0.43042085f, 0.20913595f, 0.24856102f},
    {-0.47604537f, -0.46643576f, 0.07589199f, -0.65839964f},
    {0.2886973f, 0.039673664f, -0.4414753f, -0.15666862f},
    {0.045642063f, -0.55143934f, 0.052937422f, -0.07736114f},
    {0.5968694f, -0.16403382f, 0.6732857f, 0.42042744f},
    {0.29950014f, 0.55255014f, -0.52384806f, 0.4497137f},
    {0.49147806f, 0.48203215f, 0.22063336f, 0.2455592f},
    {0.03755298f, -0.3268452f, -0.10146759f, -0.2743766f},
};

static const float indicators_layers_0_bias[4] = {
    -0.014842546f, -0.00057205354f, -0.013050032f, -0.0065453406f
};

static const float indicators_layers_1_weight[4][1] = {
    {0.6418115f},
    {0.23023878f},
    {-0.5038685f},
    {0.6149764f},
};

static const float indicators_layers_1_bias[1] = {
    -0.0029766446f
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
    for (i = 0; i < 12; i++)
        for (j = 0; j < 4; j++) output_0[j] += input[i] * indicators_layers_0_weight[i][j];
    for (j = 0; j < 4; j++) output_0[j] = indicators_tanh(output_0[j]);
    for (j = 0; j < 1; j++) output[j] = indicators_layers_1_bias[j];
    for (i = 0; i < 4; i++)
        for (j = 0; j < 1; j++) output[j] += output_0[i] * indicators_layers_1_weight[i][j];
    for (j = 0; j < 1; j++) output[j] = indicators_identity(output[j]);
}

static const char *const indicators_categories_0[] = {"", "1", "1.0", "blue", "red"};

static const int indicators_places_0[] = {0, 1, 1, 2, 3, 4};

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
    float input[12] = {0.0f};
    double x;
    int place;
    float scaled[1];
    x = numbers[0];
    if (!isfinite(x)) x = 19.95;
    x = (x - (19.95)) / 11.618196934120197;
    if (!(fabs(x) < 3.4028235677973366e38)) return 1;
    input[0] = (float)x;
    x = numbers[1];
    if (!isfinite(x)) input[2] = 1.0f, x = 4650.5;
    x = (x - (4812.55)) / 2419.9705080847575;
    if (!(fabs(x) < 3.4028235677973366e38)) return 2;
    input[1] = (float)x;
    x = numbers[2];
    if (!isfinite(x)) input[4] = 1.0f, x = 18382.0;
    x = (x - (18388.7)) / 74.9723949197303;
    if (!(fabs(x) < 3.4028235677973366e38)) return 3;
    input[3] = (float)x;
    place = indicators_find(categories[0], indicators_categories_0, 5, -2);
    if (place >= 0) place = indicators_places_0[place];
    else place = 0;
    input[5 + place] = 1.0f;
    x = numbers[3];
    if (!isfinite(x)) input[11] = 1.0f, x = 400.5;
    x = (x - (511.25)) / 453.80578169520936;
    if (!(fabs(x) < 3.4028235677973366e38)) return 4;
    input[10] = (float)x;
    indicators_network(input, scaled);
    output[0] = scaled[0] * 34.630189141845584 + (59.5);
    return 0;
}
