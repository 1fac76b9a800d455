/* Preloaded into the process that is searched: freed memory is never given out again, so that
   what was freed without being wiped stays to be found. */

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

void free(void *block) { (void)block; }

void *realloc(void *block, size_t size) {
    void *moved = malloc(size);
    if (block != NULL && moved != NULL) {
        size_t old = malloc_usable_size(block);
        memcpy(moved, block, old < size ? old : size);
    }
    return moved;
}
