/* code.h — BPF instructions, appended one after the other.
 *
 * Each function appends one instruction, or the few that the comment says. Jumps go forward only: jump() returns a place
 * that land() closes. A program that grew over CODE_MAX is marked and never loaded.
 */
#ifndef KEDGE_AGENT_BPF_CODE_H
#define KEDGE_AGENT_BPF_CODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/bpf.h>

#define CODE_MAX 4096

enum reg { R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, FP };

struct code {
	struct bpf_insn insn[CODE_MAX];
	size_t n;
	bool full;
};

/* DST = SRC, DST = VALUE, DST = the map of descriptor FD, DST = the first value of that array map (two instructions' room
 * each for the last two). */
void code_move(struct code *c, enum reg dst, enum reg src);
void code_set(struct code *c, enum reg dst, int32_t value);
void code_map(struct code *c, enum reg dst, int fd);
void code_map_value(struct code *c, enum reg dst, int fd);
/* DST = DST op SRC or VALUE, 64 bits; OP is BPF_ADD, BPF_AND, BPF_MUL, BPF_XOR, BPF_RSH, ... */
void code_op(struct code *c, uint8_t op, enum reg dst, enum reg src);
void code_op_value(struct code *c, uint8_t op, enum reg dst, int32_t value);
/* DST = VALUE, all 64 bits of it. */
void code_set64(struct code *c, enum reg dst, uint64_t value);
/* DST = *(BASE + OFF), *(BASE + OFF) = SRC, *(BASE + OFF) = VALUE; SIZE is BPF_DW, BPF_W, BPF_H or BPF_B. */
void code_load(struct code *c, uint8_t size, enum reg dst, enum reg base, int16_t off);
void code_store(struct code *c, uint8_t size, enum reg base, int16_t off, enum reg src);
void code_store_value(struct code *c, uint8_t size, enum reg base, int16_t off, int32_t value);
/* *(uint64_t *)(BASE + OFF) += SRC, atomically. */
void code_add_atomic(struct code *c, enum reg base, int16_t off, enum reg src);
/* R0 = helper ID(R1..R5), which leaves R1 to R5 unusable. */
void code_call(struct code *c, int id);
void code_exit(struct code *c);

/* If DST OP SRC or VALUE (BPF_JEQ, BPF_JNE, ...), go to where land() will be told; code_jump() always does. */
size_t code_if(struct code *c, uint8_t op, enum reg dst, enum reg src);
size_t code_if_value(struct code *c, uint8_t op, enum reg dst, int32_t value);
size_t code_jump(struct code *c);
/* The jump FROM comes here. */
void code_land(struct code *c, size_t from);

#endif
