/* A network 61-3-1, trained with shaderprop 0.1.0.

   numbers_predict says of a row of a table what moisture is.
   numbers (NaN where missing): altitude
   categories (NULL or "" where missing): origin, process, days, grade
   It returns 0, or, leaving the output as it is, the place of the column that it refuses, counted from 1:
   the numbers first, then the categories.

   C99; link with the mathematical library (-lm). */

#include <math.h>
#include <stddef.h>
#include <string.h>

int numbers_predict(const double *numbers, const char *const *categories, double output[1]);

static const float numbers_layers_0_weight[61][3] = {
    {0.0982839f, -0.4853822f, 0.2189895f},
    {0.07196297f, -0.27150112f, 0.30646268f},
    {0.5086035f, 0.38302794f, 0.26139212f},
    {0.026032105f, 0.04805333f, -0.109324f},
    {-0.15410915f, -0.14374654f, 0.045388166f},
    {0.2789607f, 0.11498343f, -0.23699936f},
    {0.059153307f, 0.36851385f, 0.17113052f},
    {-0.2582535f, -0.38046074f, -0.11324789f},
    {0.1990668f, 0.15184146f, -0.06523718f},
    {0.20662521f, 0.08610125f, 0.05898845f},
    {0.37798172f, 0.098225206f, -0.063664965f},
    {0.41048336f, 1.0312186f, -0.38143882f},
    {-0.5887808f, -0.5500638f, 0.38280955f},
    {-0.769544f, -0.8874218f, 0.66492873f},
    {0.26613125f, 0.32114702f, -0.46112287f},
    {-0.4694587f, -0.25843802f, -0.13196136f},
    {-0.019704785f, 0.2765252f, 0.080044255f},
    {0.32139373f, 0.8762558f, -0.20360771f},
    {-0.40043837f, -0.35711607f, 0.23357408f},
    {0.34829578f, 0.28365472f, 0.03575398f},
    {-0.35963035f, -0.4468487f, 0.34413198f},
    {-0.21750194f, -0.22958653f, 0.40867803f},
    {-0.31741127f, -0.6462363f, 0.53265476f},
    {-0.2674309f, 0.19085526f, -0.335554f},
    {-0.032330126f, -0.23419012f, 0.40924817f},
    {0.48230726f, 0.18577032f, 0.18070115f},
    {0.68562907f, 0.67783576f, -0.21992697f},
    {0.01639635f, 0.22452757f, -0.31887624f},
    {-0.33270392f, -0.9071526f, 0.6609602f},
    {-0.0030107244f, 0.4086176f, -0.18288569f},
    {0.70249516f, 0.37237972f, -0.62147737f},
    {-0.3929928f, -0.1701804f, -0.096969254f},
    {0.4649205f, 0.707313f, -0.25035325f},
    {0.57013965f, 0.8184503f, -0.6007172f},
    {0.8007986f, 0.91562474f, -0.38401297f},
    {-0.15592706f, -0.12422184f, -0.17206424f},
    {0.3162858f, 0.52258104f, -0.47731f},
    {0.17379448f, 0.69882464f, -0.290258f},
    {-0.23688503f, -0.28512844f, -0.016389748f},
    {0.028125212f, -0.15913628f, 0.003382631f},
    {-0.87126696f, -0.81194717f, 0.54264885f},
    {0.73730797f, 0.5517561f, -0.24522121f},
    {-0.5328044f, -0.75778913f, 0.7030258f},
    {0.07214344f, 0.31566602f, -0.27847767f},
    {-0.55152506f, -0.19311821f, 0.19880605f},
    {0.23361331f, -0.076984994f, -0.32596162f},
    {-0.1854144f, 0.23825558f, 0.115050144f},
    {0.11991072f, -0.3641435f, 0.25159556f},
    {-0.010421595f, 0.35576552f, 0.1007302f},
    {0.196232f, 0.23739612f, -0.29205126f},
    {-0.31680697f, 0.010560952f, -0.038817015f},
    {-0.36495176f, -0.58662504f, 0.3764379f},
    {-0.7164229f, -0.72390443f, 0.5794484f},
    {-0.38734943f, 0.050213594f, 0.10086763f},
    {-0.559821f, -0.62863487f, 0.6408119f},
    {-0.3084496f, -0.19510448f, -0.22957285f},
    {0.15352757f, -0.2689675f, -0.048708327f},
    {-0.24694104f, 0.040194243f, 0.028830942f},
    {-0.11072234f, 0.20915549f, 0.26470342f},
    {0.12136578f, 0.17751594f, -0.19904132f},
    {-0.2828086f, -0.2647671f, -0.18767235f},
};

static const float numbers_layers_0_bias[3] = {
    -0.032079794f, 0.14874199f, 0.15693489f
};

static const float numbers_layers_1_weight[3][1] = {
    {1.2354565f},
    {1.0566059f},
    {-0.89641476f},
};

static const float numbers_layers_1_bias[1] = {
    -0.22263503f
};

static float numbers_silu(float x) {
    return x / (1.0f + expf(-x));
}

static float numbers_identity(float x) {
    return x;
}

static void numbers_network(const float *input, float *output) {
    float output_0[3];
    int i, j;
    for (j = 0; j < 3; j++) output_0[j] = numbers_layers_0_bias[j];
    for (i = 0; i < 61; i++)
        for (j = 0; j < 3; j++) output_0[j] += input[i] * numbers_layers_0_weight[i][j];
    for (j = 0; j < 3; j++) output_0[j] = numbers_silu(output_0[j]);
    for (j = 0; j < 1; j++) output[j] = numbers_layers_1_bias[j];
    for (i = 0; i < 3; i++)
        for (j = 0; j < 1; j++) output[j] += output_0[i] * numbers_layers_1_weight[i][j];
    for (j = 0; j < 1; j++) output[j] = numbers_identity(output[j]);
}

static const char *const numbers_categories_0[] = {"Brazil", "Colombia", "Ethiopia", "Kenya", "Vietnam"};

static const char *const numbers_categories_1[] = {"honey", "natural", "washed"};

static const char *const numbers_categories_2[] = {"10", "10.0", "12", "12.0", "14", "14.0", "15", "15.0", "16", "16.0", "18", "18.0", "19", "19.0", "2", "2.0", "20", "20.0", "21", "21.0", "22", "22.0", "25", "25.0", "26", "26.0", "27", "27.0", "28", "28.0", "29", "29.0", "3", "3.0", "30", "30.0", "31", "31.0", "32", "32.0", "33", "33.0", "34", "34.0", "35", "35.0", "38", "38.0", "4", "4.0", "40", "40.0", "41", "41.0", "43", "43.0", "44", "44.0", "45", "45.0", "47", "47.0", "48", "48.0", "50", "50.0", "51", "51.0", "53", "53.0", "54", "54.0", "55", "55.0", "56", "56.0", "57", "57.0", "58", "58.0", "59", "59.0", "6", "6.0", "60", "60.0", "7", "7.0", "8", "8.0"};

static const int numbers_places_2[] = {0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13, 14, 14, 15, 15, 16, 16, 17, 17, 18, 18, 19, 19, 20, 20, 21, 21, 22, 22, 23, 23, 24, 24, 25, 25, 26, 26, 27, 27, 28, 28, 29, 29, 30, 30, 31, 31, 32, 32, 33, 33, 34, 34, 35, 35, 36, 36, 37, 37, 38, 38, 39, 39, 40, 40, 41, 41, 42, 42, 43, 43, 44, 44, 45};

static const char *const numbers_categories_3[] = {"fine", "good", "poor"};

static const char *const numbers_missing[] = {"na", "n/a", "nan", "null", "none", "\?", ""};

/* Whether two words are the same but for small and capital letters. */
static int numbers_same(const char *a, const char *b) {
    for (; *a != '\0' || *b != '\0'; a++, b++) {
        char lower = *a >= 'A' && *a <= 'Z' ? (char)(*a - 'A' + 'a') : *a;
        if (lower != *b) return 0;
    }
    return 1;
}

/* The place of a category, the one after the last for what is none of them. */
static int numbers_find(const char *cell, const char *const *names, int count, int missing) {
    int i;
    if (cell == NULL) return missing;
    for (i = 0; i < 7; i++)
        if (numbers_same(cell, numbers_missing[i])) return missing;
    for (i = 0; i < count; i++)
        if (strcmp(cell, names[i]) == 0) return i;
    return count;
}

int numbers_predict(const double *numbers, const char *const *categories, double output[1]) {
    float input[61] = {0.0f};
    double x;
    int place;
    float scaled[1];
    place = numbers_find(categories[0], numbers_categories_0, 5, 2);
    input[0 + place] = 1.0f;
    place = numbers_find(categories[1], numbers_categories_1, 3, 0);
    input[6 + place] = 1.0f;
    x = numbers[0];
    if (!isfinite(x)) x = 1518.0;
    x = (x - (432.0)) / 1710.0;
    if (!(fabs(x) < 3.4028235677973366e38)) return 1;
    input[10] = (float)x;
    place = numbers_find(categories[2], numbers_categories_2, 90, -1);
    place = place < 0 ? 35 : numbers_places_2[place];
    input[11 + place] = 1.0f;
    place = numbers_find(categories[3], numbers_categories_3, 3, 1);
    input[57 + place] = 1.0f;
    numbers_network(input, scaled);
    output[0] = scaled[0] * 1.261671274315197 + (11.194736842105268);
    return 0;
}
