/* kedge-inspect — the commands of kedge-agent that only look. kedge-agent runs it; it is a program of its own so that apply
 * and verify do not pay for the relocations of a hundred lint rules at every start. */
#include "agent/local/local.h"

static const struct local_command commands[] = {
	{ "lint", cmd_lint, "what each line of FILE does on this kernel, and what to write instead" },
	{ "explain", cmd_explain, "what a key means, holds, and may hold" },
	{ 0 },
};

int main(int argc, char **argv)
{
	return local_main(commands, argc, argv);
}
