/* memory.c — settings of the C library's allocator, and pages that only the start needed. Fixing one of the allocator's
 * thresholds also ends its habit of raising them after every large block that is freed. Called by the agent's processes that
 * stay. */
#include "proto/memory.h"

#include <link.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void memory_keep_little(void)
{
	/* A setting that is refused is only memory: there is nothing to report. */
	mallopt(M_MMAP_THRESHOLD, MEMORY_MAP_FROM);
	mallopt(M_TOP_PAD, MEMORY_STEP);
	mallopt(M_TRIM_THRESHOLD, MEMORY_TOP_KEPT);
	mallopt(M_ARENA_MAX, 1);
}

void memory_give_back(void)
{
	malloc_trim(MEMORY_STEP);
}

/* Was code or a constant of this object changed when it was loaded? Then the file does not have what memory has. */
static bool has_text_relocations(const struct dl_phdr_info *object)
{
	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		if (segment->p_type != PT_DYNAMIC)
			continue;
		const ElfW(Dyn) *entry = (const void *)(object->dlpi_addr + segment->p_vaddr);
		for (; entry->d_tag != DT_NULL; entry++)
			if (entry->d_tag == DT_TEXTREL ||
			        (entry->d_tag == DT_FLAGS && entry->d_un.d_val & DF_TEXTREL))
				return true;
	}
	return false;
}

static int object_let_go(struct dl_phdr_info *object, size_t size, void *ctx)
{
	uintptr_t page = *(uintptr_t *)ctx;

	(void)size;
	/* The program itself has no name here, and the kernel's own object has no path. */
	if ((object->dlpi_name[0] && !strchr(object->dlpi_name, '/')) || has_text_relocations(object))
		return 0;
	for (size_t i = 0; i < object->dlpi_phnum; i++) {
		const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
		if (segment->p_type != PT_LOAD || segment->p_flags & PF_W)
			continue;
		uintptr_t from = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
		uintptr_t to = object->dlpi_addr + segment->p_vaddr + segment->p_memsz;
		/* Of a private mapping of a file this drops only the view; a refusal leaves it as it was. */
		madvise((void *)from, to - from, MADV_DONTNEED);
	}
	return 0;
}

void memory_start_over(void)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);

	dl_iterate_phdr(object_let_go, &page);
}
