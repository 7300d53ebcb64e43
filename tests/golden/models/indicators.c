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
    {0.16098492f, 0.33515766f, -0.23795585f, 0.12650998f},
    {-0.11015806f, -0.16093887f, -0.60127515f, -0.67813724f},
    {-0.62067574f, -0.4367484f, -0.67374206f, -0.06693838f},
    {0.10544031f, 0.5575019f, -0.58237433f, 0.46827f},
    {0.3883045f, 0.42926762f, 0.2099122f, 0.24857028f},
    {-0.48073626f, -0.46728346f, 0.078730576f, -0.66197276f},
    {0.27343437f, 0.03714863f, -0.4379811f, -0.16601577f},
    {0.049365103f, -0.55345315f, 0.047746908f, -0.07779501f},
    {0.60728526f, -0.16112676f, 0.6744632f, 0.4308604f},
    {0.29950014f, 0.55255014f, -0.52384806f, 0.4497137f},
    {0.4799922f, 0.47914234f, 0.22104757f, 0.23765971f},
    {0.03693076f, -0.3282554f, -0.106703f, -0.27639022f},
};

static const float indicators_layers_0_bias[4] = {
    -0.02065745f, -0.0030515157f, -0.010730257f, -0.0094665075f
};

static const float indicators_layers_1_weight[4][1] = {
    {0.63601255f},
    {0.22152573f},
    {-0.49445018f},
    {0.618882f},
};

static const float indicators_layers_1_bias[1] = {
    -0.010301558f
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
    place = indicators_find(categories[0], indicators_categories_0, 5, -1);
    place = place < 0 ? 0 : indicators_places_0[place];
    input[5 + place] = 1.0f;
    x = numbers[3];
    if (!isfinite(x)) input[11] = 1.0f, x = 39601.5;
    x = (x - (52055.2775)) / 45814.366367363364;
    if (!(fabs(x) < 3.4028235677973366e38)) return 4;
    input[10] = (float)x;
    indicators_network(input, scaled);
    output[0] = scaled[0] * 346.40907898032924 + (599.5);
    return 0;
}
