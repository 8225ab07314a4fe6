/* oom.c — see oom.h. The linker sends the allocations of the wrapped program here. */
#include "tests/support/oom.h"

#include <stdlib.h>
#include <string.h>

#include <cJSON.h>
#include <openssl/crypto.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *data);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *old, size_t size);
char *__wrap_strdup(const char *text);
void __wrap_free(void *data);

static struct {
	bool armed, for_ever, fired;
	enum oom_scope scope;
	size_t left; /* allocations that still succeed */
	size_t live;
} oom;

static bool fails(enum oom_scope scope)
{
	if (!oom.armed || oom.scope != scope)
		return false;
	if (oom.left) {
		oom.left--;
		return false;
	}
	bool fail = !oom.fired || oom.for_ever;
	oom.fired = true;
	return fail;
}

static void *counted(void *data)
{
	oom.live += data != NULL;
	return data;
}

void *__wrap_malloc(size_t size)
{
	return fails(OOM_OWN) ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails(OOM_OWN) ? NULL : counted(__real_calloc(n, size));
}

void *__wrap_realloc(void *old, size_t size)
{
	if (fails(OOM_OWN))
		return NULL;
	return old ? __real_realloc(old, size) : counted(__real_malloc(size));
}

char *__wrap_strdup(const char *text)
{
	size_t size = strlen(text) + 1;
	char *copy = __wrap_malloc(size);

	return copy ? memcpy(copy, text, size) : NULL;
}

void __wrap_free(void *data)
{
	oom.live -= data != NULL;
	__real_free(data);
}

static void *crypto_malloc(size_t size, const char *file, int line)
{
	(void)file, (void)line;
	return fails(OOM_CRYPTO) ? NULL : __real_malloc(size);
}

static void *crypto_realloc(void *old, size_t size, const char *file, int line)
{
	(void)file, (void)line;
	return fails(OOM_CRYPTO) ? NULL : __real_realloc(old, size);
}

static void crypto_free(void *data, const char *file, int line)
{
	(void)file, (void)line;
	__real_free(data);
}

void oom_hook_json(void)
{
	cJSON_InitHooks(&(cJSON_Hooks){ .malloc_fn = __wrap_malloc, .free_fn = __wrap_free });
}

bool oom_hook_crypto(void)
{
	return CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) == 1;
}

void oom_arm(enum oom_scope scope, size_t nth, bool for_ever)
{
	oom.armed = true;
	oom.fired = false;
	oom.scope = scope;
	oom.left = nth - 1;
	oom.for_ever = for_ever;
}

bool oom_disarm(void)
{
	oom.armed = false;
	return oom.fired;
}

size_t oom_live(void)
{
	return oom.live;
}
