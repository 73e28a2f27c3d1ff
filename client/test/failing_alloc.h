/*
 * failing_alloc.h
 *    Put in front of every file of the library (gcc -include) for the tests of memory: allocations go
 *    by way of failing_alloc.c, which counts them, makes them fail and knows what is not freed yet.
 *
 * `make symbols` checks that no allocation takes another way.
 */
#ifndef FAILING_ALLOC_H
#define FAILING_ALLOC_H

#include <stdlib.h>
#include <string.h>

void *failing_malloc(size_t size);
void *failing_calloc(size_t count, size_t size);
void *failing_realloc(void *memory, size_t size);
char *failing_strdup(const char *text);
char *failing_strndup(const char *text, size_t length);
void  failing_free(void *memory);

#undef strdup
#undef strndup
#define malloc(size) failing_malloc(size)
#define calloc(count, size) failing_calloc(count, size)
#define realloc(memory, size) failing_realloc(memory, size)
#define strdup(text) failing_strdup(text)
#define strndup(text, length) failing_strndup(text, length)
#define free(memory) failing_free(memory)

#endif
