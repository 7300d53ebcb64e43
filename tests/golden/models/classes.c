/* A network 13-8-3, trained with shaderprop 0.1.0.

   classes_predict says of a row of a table how likely each class of grade is: fine, good, poor.
   numbers (NaN where missing): altitude, moisture, days
   categories (NULL or "" where missing): origin, process
   It returns 0, or, leaving the output as it is, the place of the column that it refuses, counted from 1:
   the numbers first, then the categories.

   C99; link with the mathematical library (-lm). */

#include <math.h>
#include <stddef.h>
#include <string.h>

int classes_predict(const double *numbers, const char *const *categories, float output[3]);

static const float classes_layers_0_weight[13][8] = {
    {0.9489942f, -0.8475451f, 1.0773864f, 0.06506342f, -0.80530417f, -1.2361851f, -0.22887966f, 0.10399891f},
    {0.484161f, 0.14832132f, -0.24331592f, -0.85055655f, 0.015632568f, 0.29606953f, -0.64892507f, 0.6872883f},
    {0.7142021f, -0.5080275f, -0.66074944f, 0.7602578f, 0.7719999f, -0.6696865f, -0.6375594f, -0.041246664f},
    {1.016776f, 0.35888174f, -0.2144145f, 0.25040373f, 0.4675006f, 0.28119522f, 0.63607293f, -0.3822337f},
    {-0.91359794f, -0.59972286f, 1.5918251f, 0.761279f, -0.40273744f, 0.9497552f, 0.08945117f, 0.1050514f},
    {-0.59001684f, -0.047561824f, 0.33774802f, 0.56528187f, -0.64829564f, -0.6507031f, -0.596074f, -0.1554537f},
    {0.31032857f, 0.54866624f, 0.28017303f, -0.2990868f, 0.5137327f, 0.36684647f, -0.53600335f, 0.07891887f},
    {0.10495541f, 0.009989691f, 0.4048021f, 0.1675709f, -0.4000133f, 0.05379691f, -0.07953804f, 0.5863494f},
    {1.1167216f, 0.20863923f, 0.7504182f, -0.1907708f, 0.7158073f, -0.1856624f, 0.034302395f, -0.05196519f},
    {0.43372843f, 0.12925714f, 0.508517f, 0.37925106f, -0.44593143f, 0.635682f, 0.021234648f, -0.2851654f},
    {0.5693816f, -0.09713537f, 0.22247759f, 0.358452f, 1.0652362f, -0.38334823f, -0.14958356f, -1.0300462f},
    {0.13575059f, -0.18333592f, 1.5846832f, -0.49154618f, -0.32321614f, -0.25506094f, -0.009339019f, -1.3858147f},
    {-0.84876627f, -0.2709668f, 1.2197076f, -0.42440888f, -0.047037497f, -0.12339095f, -0.2866518f, 0.15941069f},
};

static const float classes_layers_0_bias[8] = {
    0.5136055f, -0.017090362f, 0.09636379f, -0.24933581f, 0.31510347f, 0.09018473f, -0.12082017f, 0.46271828f
};

static const float classes_layers_1_weight[8][3] = {
    {0.4185521f, 0.3677895f, -1.1369548f},
    {0.16123775f, -0.9043625f, -0.26357135f},
    {-0.36595282f, 0.54097843f, 1.2676195f},
    {0.7833581f, -0.7021142f, 0.26976362f},
    {0.26860645f, -0.30587196f, -1.4295684f},
    {-0.13120244f, -1.1491503f, 0.3349299f},
    {0.7109262f, -0.70750093f, -0.3638766f},
    {-1.0046233f, 0.71956426f, 0.95770353f},
};

static const float classes_layers_1_bias[3] = {
    -0.26405886f, 0.18408437f, 0.23508777f
};

static float classes_relu(float x) {
    return x <= 0.0f ? 0.0f : x;
}

static void classes_softmax(float *x, int count) {
float largest = x[0], sum = 0.0f;
    int i;
    for (i = 1; i < count; i++) largest = fmaxf(largest, x[i]);
    for (i = 0; i < count; i++) sum += x[i] = expf(x[i] - largest);
    for (i = 0; i < count; i++) x[i] /= sum;
}

static void classes_network(const float *input, float *output) {
    float output_0[8];
    int i, j;
    for (j = 0; j < 8; j++) output_0[j] = classes_layers_0_bias[j];
    for (i = 0; i < 13; i++)
        for (j = 0; j < 8; j++) output_0[j] += input[i] * classes_layers_0_weight[i][j];
    for (j = 0; j < 8; j++) output_0[j] = classes_relu(output_0[j]);
    for (j = 0; j < 3; j++) output[j] = classes_layers_1_bias[j];
    for (i = 0; i < 8; i++)
        for (j = 0; j < 3; j++) output[j] += output_0[i] * classes_layers_1_weight[i][j];
    classes_softmax(output, 3);
}

static const char *const classes_categories_0[] = {"Brazil", "Colombia", "Ethiopia", "Kenya", "Vietnam"};

static const char *const classes_categories_1[] = {"honey", "natural", "washed"};

static const char *const classes_missing[] = {"na", "n/a", "nan", "null", "none", "\?", ""};

/* Whether two words are the same but for small and capital letters. */
static int classes_same(const char *a, const char *b) {
    for (; *a != '\0' || *b != '\0'; a++, b++) {
        char lower = *a >= 'A' && *a <= 'Z' ? (char)(*a - 'A' + 'a') : *a;
        if (lower != *b) return 0;
    }
    return 1;
}

/* The place of a category, the one after the last for what is none of them. */
static int classes_find(const char *cell, const char *const *names, int count, int missing) {
    int i;
    if (cell == NULL) return missing;
    for (i = 0; i < 7; i++)
        if (classes_same(cell, classes_missing[i])) return missing;
    for (i = 0; i < count; i++)
        if (strcmp(cell, names[i]) == 0) return i;
    return count;
}

int classes_predict(const double *numbers, const char *const *categories, float output[3]) {
    float input[13] = {0.0f};
    double x;
    int place;
    place = classes_find(categories[0], classes_categories_0, 5, 2);
    input[0 + place] = 1.0f;
    place = classes_find(categories[1], classes_categories_1, 3, 0);
    input[6 + place] = 1.0f;
    x = numbers[0];
    if (!isfinite(x)) x = 1518.0;
    x = (x - (1407.3026315789473)) / 422.31738562791986;
    if (!(fabs(x) < 3.4028235677973366e38)) return 1;
    input[10] = (float)x;
    x = numbers[1];
    if (!isfinite(x)) x = 11.149999999999999;
    x = (x - (11.194736842105268)) / 1.261671274315197;
    if (!(fabs(x) < 3.4028235677973366e38)) return 2;
    input[11] = (float)x;
    x = numbers[2];
    if (!isfinite(x)) x = 31.0;
    x = (x - (32.31578947368421)) / 18.369175071237787;
    if (!(fabs(x) < 3.4028235677973366e38)) return 3;
    input[12] = (float)x;
    classes_network(input, output);
    return 0;
}
