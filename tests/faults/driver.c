/* A Vulkan driver that fails where it is told to: it stands in front of another one, hands every call on, and fails the k-th call of one function.
 *
 * FAULT_DRIVER   the library of the driver behind it
 * FAULT_CALL     the function that fails; none fails without it
 * FAULT_AT       which of its calls, counted from 1
 * FAULT_CODE     the VkResult that it gives then; 0, success, without doing it: a device that hangs, so that vkQueueWaitIdle does not come back
 * FAULT_EVER     if set, all later calls fail as well
 * FAULT_COUNTS   a file that gets, at the end, a line for each function: its name and how often it was called
 * FAULT_FIRED    a file that is made when a call fails
 */
#include <dlfcn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef void (*Any)(void);
typedef Any (*Get)(void *, const char *);
/* As many arguments as any of these functions has; all are integers or pointers, so that they can be handed on without knowing them. */
typedef int32_t (*Call)(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t);

#define CALLS(CALL)                                                                                                                     \
    CALL(vkCreateInstance) CALL(vkEnumeratePhysicalDevices) CALL(vkCreateDevice) CALL(vkQueueSubmit) CALL(vkWaitSemaphores)              \
    CALL(vkGetSemaphoreCounterValue) CALL(vkAllocateMemory) CALL(vkMapMemory) CALL(vkCreateBuffer) CALL(vkBindBufferMemory)               \
    CALL(vkCreateComputePipelines) CALL(vkCreateShaderModule) CALL(vkCreateCommandPool) CALL(vkResetCommandPool)                          \
    CALL(vkAllocateCommandBuffers) CALL(vkBeginCommandBuffer) CALL(vkEndCommandBuffer) CALL(vkCreatePipelineLayout)                       \
    CALL(vkCreateDescriptorSetLayout) CALL(vkCreateDescriptorPool) CALL(vkAllocateDescriptorSets) CALL(vkCreateSemaphore)                 \
    CALL(vkCreateFence) CALL(vkCreateQueryPool) CALL(vkFlushMappedMemoryRanges) CALL(vkInvalidateMappedMemoryRanges)                     \
    CALL(vkQueueWaitIdle)

#define NUMBER(name) number_##name,
enum { CALLS(NUMBER) HOW_MANY };
#define NAME(name) #name,
static const char *const names[] = { CALLS(NAME) };

static Call real[HOW_MANY];
static atomic_uint counts[HOW_MANY];
static atomic_int hangs;
static int failing = -1, code, ever;
static unsigned at;

static int32_t call(int number, uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d, uintptr_t e, uintptr_t f) {
    unsigned count = atomic_fetch_add(&counts[number], 1) + 1;
    if (number == failing && (count == at || (ever && count > at))) {
        const char *path = getenv("FAULT_FIRED");
        FILE *file = path ? fopen(path, "w") : NULL;
        if (file) fclose(file);
        if (code == 0) hangs = 1;
        return code;
    }
    while (hangs && number == number_vkQueueWaitIdle) pause();
    return real[number](a, b, c, d, e, f);
}

#define WRAPPER(name)                                                                                                                   \
    static int32_t wrapped_##name(uintptr_t a, uintptr_t b, uintptr_t c, uintptr_t d, uintptr_t e, uintptr_t f) {                        \
        return call(number_##name, a, b, c, d, e, f);                                                                                    \
    }
CALLS(WRAPPER)
#define WRAPPED(name) wrapped_##name,
static const Call wrapped[] = { CALLS(WRAPPED) };

static void *behind(const char *name) {
    static void *library;
    if (!library) {
        const char *path = getenv("FAULT_DRIVER"), *text = getenv("FAULT_CALL");
        library = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
        if (!library) {
            fprintf(stderr, "FAULT_DRIVER: expected a Vulkan driver, got %s: %s\n", path ? path : "nothing", path ? dlerror() : "not set");
            exit(99);
        }
        for (int i = 0; text && i < HOW_MANY; i++)
            if (!strcmp(text, names[i])) failing = i;
        if (text && failing < 0) {
            fprintf(stderr, "FAULT_CALL: expected one of the functions in driver.c, got %s\n", text);
            exit(99);
        }
        if (text) at = atoi(getenv("FAULT_AT")), code = atoi(getenv("FAULT_CODE")), ever = getenv("FAULT_EVER") != NULL;
    }
    return dlsym(library, name);
}

__attribute__((destructor)) static void tell(void) {
    const char *path = getenv("FAULT_COUNTS");
    FILE *file = path ? fopen(path, "w") : NULL;
    if (!file) return;
    for (int i = 0; i < HOW_MANY; i++) fprintf(file, "%s %u\n", names[i], atomic_load(&counts[i]));
    fclose(file);
}

static Any device_function(void *device, const char *name);
static Get real_device_function;

/* The function of that name, or what stands in front of it. */
static Any in_front(const char *name, Any found) {
    if (!found) return NULL;
    if (!strcmp(name, "vkGetDeviceProcAddr")) {
        real_device_function = (Get)found;
        return (Any)device_function;
    }
    for (int i = 0; i < HOW_MANY; i++)
        if (!strcmp(name, names[i]) || (!strncmp(name, names[i], strlen(names[i])) && !strcmp(name + strlen(names[i]), "KHR"))) {
            real[i] = (Call)found;
            return (Any)wrapped[i];
        }
    return found;
}

static Any device_function(void *device, const char *name) { return in_front(name, real_device_function(device, name)); }

Any vk_icdGetInstanceProcAddr(void *instance, const char *name) {
    Get get = (Get)behind("vk_icdGetInstanceProcAddr");
    if (!strcmp(name, "vkGetInstanceProcAddr")) return (Any)vk_icdGetInstanceProcAddr;
    return in_front(name, get(instance, name));
}

Any vk_icdGetPhysicalDeviceProcAddr(void *instance, const char *name) {
    Get get = (Get)behind("vk_icdGetPhysicalDeviceProcAddr");
    return get ? get(instance, name) : NULL;
}

int32_t vk_icdNegotiateLoaderICDInterfaceVersion(uint32_t *version) {
    int32_t (*negotiate)(uint32_t *) = (int32_t (*)(uint32_t *))behind("vk_icdNegotiateLoaderICDInterfaceVersion");
    return negotiate ? negotiate(version) : 0;
}
