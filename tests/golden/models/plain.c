/* A network 5-4-4-4-4-4-4-4-4-4-4-3-2, trained with shaderprop 0.1.0.

   plain_predict computes the 2 outputs for 5 inputs.

   C99; link with the mathematical library (-lm). */

#include <math.h>

void plain_predict(const float input[5], float output[2]);

static const float plain_layers_0_weight[5][4] = {
    {-0.23306872f, -0.035513807f, -0.23334758f, -0.16494118f},
    {-0.38453388f, -0.29974496f, -0.2986104f, 0.1549635f},
    {-0.4262592f, -0.42271963f, 0.2241197f, 0.075472996f},
    {0.1067677f, -0.085079186f, 0.24133499f, -0.27682123f},
    {0.27385017f, -0.22737214f, -0.10485716f, -0.36298487f},
};

static const float plain_layers_0_bias[4] = {
    0.4143132f, -0.26435995f, -0.003713399f, -0.31338564f
};

static const float plain_layers_1_weight[4][4] = {
    {-0.41308895f, 0.08951533f, 0.37780562f, -0.17854385f},
    {-0.06699174f, 0.48825562f, 0.049963985f, -0.1116552f},
    {-0.16322206f, -0.32260162f, -0.44424954f, 0.013536498f},
    {0.27774948f, 0.28879073f, 0.14492042f, -0.20220129f},
};

static const float plain_layers_1_bias[4] = {
    0.3695999f, 0.06522307f, 0.06732956f, -0.079401866f
};

static const float plain_layers_2_weight[4][4] = {
    {-0.18346779f, 0.16759545f, -0.114511386f, 0.13547146f},
    {0.28774235f, -0.39677966f, -0.056746624f, -0.27919865f},
    {0.2762953f, 0.41940767f, 0.23576042f, -0.43535298f},
    {0.4075681f, 0.30193156f, 0.033916693f, -0.26204342f},
};

static const float plain_layers_2_bias[4] = {
    0.40211558f, 0.034552574f, -0.0011863832f, -0.30762666f
};

static const float plain_layers_3_weight[4][4] = {
    {-0.23339203f, 0.5090399f, -0.4084912f, -0.41723707f},
    {0.44332194f, 0.0469954f, -0.18298519f, 0.32784873f},
    {0.18161914f, 0.29290238f, 0.011423828f, -0.3492828f},
    {0.10939735f, -0.23656529f, 0.26568556f, -0.0046186447f},
};

static const float plain_layers_3_bias[4] = {
    0.037486922f, -0.26457542f, -0.3178968f, 0.07844595f
};

static const float plain_layers_4_weight[4][4] = {
    {-0.3444212f, 0.3967314f, 0.0077292244f, -0.36407733f},
    {-0.0122459475f, -0.016794346f, 0.07227225f, 0.42365116f},
    {0.35698864f, -0.482769f, 0.39122227f, -0.34628612f},
    {-0.37560046f, 0.016718071f, -0.3920462f, -0.012837864f},
};

static const float plain_layers_4_bias[4] = {
    -0.47297156f, 0.10729147f, 0.2288636f, -0.34838885f
};

static const float plain_layers_5_weight[4][4] = {
    {-0.33978036f, 0.08279675f, -0.48251128f, 0.36247098f},
    {-0.42064884f, -0.1560049f, 0.38692102f, -0.49420604f},
    {0.37846372f, -0.5018964f, 0.028096376f, 0.42089358f},
    {0.38529214f, -0.0282748f, 0.16425408f, 0.5649154f},
};

static const float plain_layers_5_bias[4] = {
    -0.43100426f, -0.3176641f, -0.21432795f, -0.54965246f
};

static const float plain_layers_6_weight[4][4] = {
    {0.3887776f, 0.28845695f, -0.010855328f, -0.4722351f},
    {0.40687373f, -0.21242228f, 0.38796288f, -0.05646565f},
    {0.31782985f, 0.18250598f, -0.061817784f, 0.16274057f},
    {0.33351701f, -0.35217866f, 0.07753462f, -0.76316404f},
};

static const float plain_layers_6_bias[4] = {
    -0.061955802f, -0.37681717f, 0.22956048f, -0.10144244f
};

static const float plain_layers_7_weight[4][4] = {
    {-0.046647646f, 0.16709885f, 0.12740377f, 0.33794543f},
    {-0.23370472f, 0.3965621f, -0.11285413f, 0.52441645f},
    {-0.1343877f, 0.3370926f, 0.10791262f, 0.18088843f},
    {-0.112825155f, -0.21095389f, -0.24772812f, 0.081086785f},
};

static const float plain_layers_7_bias[4] = {
    0.39971736f, 0.44211996f, 0.057621513f, 0.12849812f
};

static const float plain_layers_8_weight[4][4] = {
    {0.40070608f, -0.12162175f, 0.40766114f, 0.07723743f},
    {-0.5275647f, -0.10382959f, -0.124380454f, 0.29097977f},
    {-0.18571472f, 0.028308293f, 0.16422114f, -0.28141794f},
    {-0.15095486f, 0.1902816f, 0.365164f, -0.08891924f},
};

static const float plain_layers_8_bias[4] = {
    -0.45845288f, -0.022400476f, -0.45047525f, -0.29893377f
};

static const float plain_layers_9_weight[4][4] = {
    {-0.03851377f, 0.06486234f, 0.08820399f, 0.39949408f},
    {-0.15088716f, -0.2415983f, -0.37901708f, 0.35212573f},
    {0.2037269f, 0.093678355f, 0.25418758f, 0.2270909f},
    {-0.41137797f, 0.15127178f, 0.39521512f, -0.091837995f},
};

static const float plain_layers_9_bias[4] = {
    0.27364454f, -0.25036263f, 0.3281928f, 0.20767891f
};

static const float plain_layers_10_weight[4][3] = {
    {0.2695533f, 0.37684143f, 0.10288167f},
    {-0.24092329f, -0.2568876f, -0.29747617f},
    {0.047662497f, 0.37168217f, 0.40948427f},
    {-0.28378636f, 0.13189101f, -0.47375274f},
};

static const float plain_layers_10_bias[3] = {
    -0.3870057f, 0.12661898f, -0.39084524f
};

static const float plain_layers_11_weight[3][2] = {
    {-0.65121424f, 0.32833573f},
    {0.11916288f, -0.43163574f},
    {0.0018621366f, -0.2880848f},
};

static const float plain_layers_11_bias[2] = {
    -0.302544f, 0.1962413f
};

static float plain_sigmoid(float x) {
    return 1.0f / (1.0f + expf(-x));
}

static float plain_tanh(float x) {
    return tanhf(x);
}

static float plain_relu(float x) {
    return x <= 0.0f ? 0.0f : x;
}

static float plain_leaky_relu(float x) {
    return x > 0.0f ? x : 0.01f * x;
}

static float plain_elu(float x) {
    return x > 0.0f ? x : expm1f(x);
}

static float plain_gelu(float x) {
    return 0.5f * x * erfcf(-0.70710678f * x);
}

static float plain_gelu_tanh(float x) {
    return x / (1.0f + expf(-1.5957691f * (x + 0.044715f * x * x * x)));
}

static float plain_silu(float x) {
    return x / (1.0f + expf(-x));
}

static float plain_softplus(float x) {
    return fmaxf(x, 0.0f) + log1pf(expf(-fabsf(x)));
}

static float plain_identity(float x) {
    return x;
}

static void plain_softmax(float *x, int count) {
float largest = x[0], sum = 0.0f;
    int i;
    for (i = 1; i < count; i++) largest = fmaxf(largest, x[i]);
    for (i = 0; i < count; i++) sum += x[i] = expf(x[i] - largest);
    for (i = 0; i < count; i++) x[i] /= sum;
}

static void plain_network(const float *input, float *output) {
    float output_0[4];
    float output_1[4];
    float output_2[4];
    float output_3[4];
    float output_4[4];
    float output_5[4];
    float output_6[4];
    float output_7[4];
    float output_8[4];
    float output_9[4];
    float output_10[3];
    int i, j;
    for (j = 0; j < 4; j++) output_0[j] = plain_layers_0_bias[j];
    for (i = 0; i < 5; i++)
        for (j = 0; j < 4; j++) output_0[j] += input[i] * plain_layers_0_weight[i][j];
    for (j = 0; j < 4; j++) output_0[j] = plain_sigmoid(output_0[j]);
    for (j = 0; j < 4; j++) output_1[j] = plain_layers_1_bias[j];
    for (i = 0; i < 4; i++)
        for (j = 0; j < 4; j++) output_1[j] += output_0[i] * plain_layers_1_weight[i][j];
    for (j = 0; j < 4; j++) output_1[j] = plain_tanh(output_1[j]);
    for (j = 0; j < 4; j++) output_2[j] = plain_layers_2_bias[j];
    for (i = 0; i < 4; i++)
        for (j = 0; j < 4; j++) output_2[j] += output_1[i] * plain_layers_2_weight[i][j];
    for (j = 0; j < 4; j++) output_2[j] = plain_relu(output_2[j]);
    for (j = 0; j < 4; j++) output_3[j] = plain_layers_3_bias[j];
    for (i = 0; i < 4; i++)
        for (j = 0; j < 4; j++) output_3[j] += output_2[i] * plain_layers_3_weight[i][j];
    for (j = 0; j < 4; j++) output_3[j] = plain_leaky_relu(output_3[j]);
    for (j = 0; j < 4; j++) output_4[j] = plain_layers_4_bias[j];
    for (i = 0; i < 4; i++)
        for (j = 0; j < 4; j++) output_4[j] += output_3[i] * plain_layers_4_weight[i][j];
    for (j = 0; j < 4; j++) output_4[j] = plain_elu(output_4[j]);
    for (j = 0; j < 4; j++) output_5[j] = plain_layers_5_bias[j];
    for (i = 0; i < 4; i++)
        for (j = 0; j < 4; j++) output_5[j] += output_4[i] * plain_layers_5_weight[i][j];
    for (j = 0; j < 4; j++) output_5[j] = plain_gelu(output_5[j]);
    for (j = 0; j < 4; j++) output_6[j] = plain_layers_6_bias[j];
    for (i = 0; i < 4; i++)
        for (j = 0; j < 4; j++) output_6[j] += output_5[i] * plain_layers_6_weight[i][j];
    for (j = 0; j < 4; j++) output_6[j] = plain_gelu_tanh(output_6[j]);
    for (j = 0; j < 4; j++) output_7[j] = plain_layers_7_bias[j];
    for (i = 0; i < 4; i++)
        for (j = 0; j < 4; j++) output_7[j] += output_6[i] * plain_layers_7_weight[i][j];
    for (j = 0; j < 4; j++) output_7[j] = plain_silu(output_7[j]);
    for (j = 0; j < 4; j++) output_8[j] = plain_layers_8_bias[j];
    for (i = 0; i < 4; i++)
        for (j = 0; j < 4; j++) output_8[j] += output_7[i] * plain_layers_8_weight[i][j];
    for (j = 0; j < 4; j++) output_8[j] = plain_softplus(output_8[j]);
    for (j = 0; j < 4; j++) output_9[j] = plain_layers_9_bias[j];
    for (i = 0; i < 4; i++)
        for (j = 0; j < 4; j++) output_9[j] += output_8[i] * plain_layers_9_weight[i][j];
    for (j = 0; j < 4; j++) output_9[j] = plain_identity(output_9[j]);
    for (j = 0; j < 3; j++) output_10[j] = plain_layers_10_bias[j];
    for (i = 0; i < 4; i++)
        for (j = 0; j < 3; j++) output_10[j] += output_9[i] * plain_layers_10_weight[i][j];
    for (j = 0; j < 3; j++) output_10[j] = plain_tanh(output_10[j]);
    for (j = 0; j < 2; j++) output[j] = plain_layers_11_bias[j];
    for (i = 0; i < 3; i++)
        for (j = 0; j < 2; j++) output[j] += output_10[i] * plain_layers_11_weight[i][j];
    plain_softmax(output, 2);
}

void plain_predict(const float input[5], float output[2]) {
    plain_network(input, output);
}
