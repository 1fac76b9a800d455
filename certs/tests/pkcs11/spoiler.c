/* A PKCS#11 library that hands everything to another one and spoils what SPOILER asks for.
 * The file it names holds one word; it is read at each call, so a test can change its mind. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long ulong;
/* CK_FUNCTION_LIST (PKCS#11 2.40, Appendix): a version, then the functions in their order. */
typedef struct {
    unsigned char version[2];
    void *function[68];
} functions;
typedef ulong (*login_t)(ulong, ulong, unsigned char *, ulong);
typedef ulong (*info_t)(ulong, unsigned char *);
typedef ulong (*sign_t)(ulong, unsigned char *, ulong, unsigned char *, ulong *);

enum { GET_TOKEN_INFO = 6, LOGIN = 18, SIGN = 43 };
enum { DEVICE_REMOVED = 0x32, PIN_LOCKED = 0xa4, SESSION_CLOSED = 0xb0 };

static functions real, spoiled;
static int closed;

static int asked(const char *word) {
    char text[32] = "";
    const char *path = getenv("SPOILER");
    FILE *file = path ? fopen(path, "r") : NULL;
    if (!file) return 0;
    if (!fgets(text, sizeof text, file)) text[0] = 0;
    fclose(file);
    return !strcmp(text, word);
}

static ulong login(ulong session, ulong user, unsigned char *pin, ulong length) {
    if (asked("pin-locked")) return PIN_LOCKED;
    return ((login_t)real.function[LOGIN])(session, user, pin, length);
}

static ulong token_info(ulong slot, unsigned char *info) {
    ulong answer = ((info_t)real.function[GET_TOKEN_INFO])(slot, info);
    ulong flags;
    /* Behind label, manufacturer, model and serial number. */
    memcpy(&flags, info + 96, sizeof flags);
    if (asked("final-try")) flags |= 0x20000;
    if (asked("flag-locked")) flags |= 0x40000;
    memcpy(info + 96, &flags, sizeof flags);
    return answer;
}

static ulong sign(ulong session, unsigned char *data, ulong length, unsigned char *signature, ulong *size) {
    ulong answer;
    if (asked("removed")) return DEVICE_REMOVED;
    if (asked("closed-once") && !closed) {
        closed = 1;
        return SESSION_CLOSED;
    }
    answer = ((sign_t)real.function[SIGN])(session, data, length, signature, size);
    if (!signature) return answer;
    if (asked("lie")) signature[*size / 2] ^= 1;
    if (asked("short")) *size -= 1;
    return answer;
}

ulong C_GetFunctionList(functions **list) {
    functions *found;
    void *library = dlopen(REAL, RTLD_NOW | RTLD_LOCAL);
    ulong (*get)(functions **) = library ? dlsym(library, "C_GetFunctionList") : NULL;
    if (!get || get(&found)) return 5;
    real = spoiled = *found;
    spoiled.function[GET_TOKEN_INFO] = token_info;
    spoiled.function[LOGIN] = login;
    spoiled.function[SIGN] = sign;
    *list = &spoiled;
    return 0;
}
