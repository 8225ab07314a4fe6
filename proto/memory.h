/* memory.h — how little memory a process keeps that runs for months and is idle nearly all of the time.
 *
 * The C library is tuned for speed: it keeps freed memory for the next request, the more the larger the blocks were, and
 * gives each thread a heap of its own. An agent reads a document of some hundred kilobytes once an hour; on a host with
 * many services it should not hold the room for it in the meantime, nor what the dynamic linker read at the start.
 */
#ifndef KEDGE_PROTO_MEMORY_H
#define KEDGE_PROTO_MEMORY_H

#define MEMORY_MAP_FROM                                                                                      \
	32768 /* blocks of so many bytes that no free one fits are mapped alone, and unmapped when freed */
#define MEMORY_STEP     16384 /* bytes by which the heap grows beyond what is asked for */
#define MEMORY_TOP_KEPT 65536 /* free bytes at the heap's end that may stay */

/* Keep little: the three above, and one heap for all threads. For the whole process and for good; call it first in main(),
 * before there is a second thread. */
void memory_keep_little(void);
/* Free pages between blocks in use go back to the kernel; they cost a page fault when they are needed again. For a process
 * that has just done the work of a while. */
void memory_give_back(void);
/* The start is over: unmap the pages of program and libraries that were only read (symbols, relocations, code and constants).
 * What is needed later is mapped again from the page cache when it is touched. Pages that were written stay. This takes
 * nothing from the host that it could not take by itself; it says early that nobody holds it. */
void memory_start_over(void);

#endif
