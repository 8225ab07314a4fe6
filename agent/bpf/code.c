/* code.c — one function an instruction form, so that program.c reads as what it does instead of as numbers. Refuses
 * nothing: the kernel's verifier does. */
#include "agent/bpf/code.h"

static void append(struct code *c, uint8_t op, enum reg dst, enum reg src, int16_t off, int32_t imm)
{
	if (c->n == CODE_MAX) {
		c->full = true;
		return;
	}
	c->insn[c->n++] = (struct bpf_insn){
		.code = op, .dst_reg = dst & 0xf, .src_reg = src & 0xf, .off = off, .imm = imm
	};
}

void code_move(struct code *c, enum reg dst, enum reg src)
{
	append(c, BPF_ALU64 | BPF_MOV | BPF_X, dst, src, 0, 0);
}

void code_set(struct code *c, enum reg dst, int32_t value)
{
	append(c, BPF_ALU64 | BPF_MOV | BPF_K, dst, R0, 0, value);
}

void code_map(struct code *c, enum reg dst, int fd)
{
	append(c, BPF_LD | BPF_DW | BPF_IMM, dst, (enum reg)BPF_PSEUDO_MAP_FD, 0, fd);
	append(c, 0, R0, R0, 0, 0);
}

void code_map_value(struct code *c, enum reg dst, int fd)
{
	append(c, BPF_LD | BPF_DW | BPF_IMM, dst, (enum reg)BPF_PSEUDO_MAP_VALUE, 0, fd);
	append(c, 0, R0, R0, 0, 0);
}

void code_set64(struct code *c, enum reg dst, uint64_t value)
{
	append(c, BPF_LD | BPF_DW | BPF_IMM, dst, R0, 0, (int32_t)(uint32_t)value);
	append(c, 0, R0, R0, 0, (int32_t)(uint32_t)(value >> 32));
}

void code_op(struct code *c, uint8_t op, enum reg dst, enum reg src)
{
	append(c, BPF_ALU64 | op | BPF_X, dst, src, 0, 0);
}

void code_op_value(struct code *c, uint8_t op, enum reg dst, int32_t value)
{
	append(c, BPF_ALU64 | op | BPF_K, dst, R0, 0, value);
}

void code_load(struct code *c, uint8_t size, enum reg dst, enum reg base, int16_t off)
{
	append(c, BPF_LDX | BPF_MEM | size, dst, base, off, 0);
}

void code_store(struct code *c, uint8_t size, enum reg base, int16_t off, enum reg src)
{
	append(c, BPF_STX | BPF_MEM | size, base, src, off, 0);
}

void code_store_value(struct code *c, uint8_t size, enum reg base, int16_t off, int32_t value)
{
	append(c, BPF_ST | BPF_MEM | size, base, R0, off, value);
}

void code_add_atomic(struct code *c, enum reg base, int16_t off, enum reg src)
{
	append(c, BPF_STX | BPF_ATOMIC | BPF_DW, base, src, off, BPF_ADD);
}

void code_call(struct code *c, int id)
{
	append(c, BPF_JMP | BPF_CALL, R0, R0, 0, id);
}

void code_exit(struct code *c)
{
	append(c, BPF_JMP | BPF_EXIT, R0, R0, 0, 0);
}

size_t code_if(struct code *c, uint8_t op, enum reg dst, enum reg src)
{
	append(c, BPF_JMP | op | BPF_X, dst, src, 0, 0);
	return c->n - 1;
}

size_t code_if_value(struct code *c, uint8_t op, enum reg dst, int32_t value)
{
	append(c, BPF_JMP | op | BPF_K, dst, R0, 0, value);
	return c->n - 1;
}

size_t code_jump(struct code *c)
{
	append(c, BPF_JMP | BPF_JA, R0, R0, 0, 0);
	return c->n - 1;
}

void code_land(struct code *c, size_t from)
{
	c->insn[from].off = (int16_t)(c->n - from - 1);
}
