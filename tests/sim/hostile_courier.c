/* hostile_courier.c — a courier that was taken over sends whatever it likes to a keeper, and an oracle watches what the keeper does.
 *
 *	hostile_courier [FRAMES [SEED]]
 *
 * Frames of every type with numbers from anywhere, answers to real questions with changed bytes, frames of other sizes, too many
 * descriptors and descriptors that are no sealed memory. What ends the conversation makes the supervisor start both again;
 * so does this program. In between the courier behaves for a while, and the keeper must still adopt what is confirmed, and
 * take back what is not. No descriptor may be left over.
 */
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/sim/oracle.h"

#define FDS_MOST    4
#define INTERLUDE   1500 /* frames between two times of good behaviour */
#define BYTES_MOST  (1 << 16)
#define FRAMES_MOST 200000 /* in one run; there is room for so many plans */

struct world {
	struct dice dice;
	struct signer *signer;
	struct oracle_host *h;
	struct sim *s;
	struct frame asked[16]; /* the keeper's last questions */
	size_t n_asked;
	unsigned long frames, busy, ended, confirmed, reverted, questions;
	unsigned lost, tame; /* TAME: percent of questions that are answered as they should be, for a while */
};

/* ---- a courier that behaves ---- */

static void drain(struct world *w)
{
	struct frame fr;
	int payload;

	while (!frame_receive(w->s->courier, &fr, &payload)) {
		if (payload >= 0)
			close(payload);
		if (fr.type != FRAME_FETCH && fr.type != FRAME_CONFIRM && fr.type != FRAME_PUSH)
			continue;
		w->asked[w->n_asked++ % 16] = fr;
		w->questions++;
	}
}

static void start_again(struct world *w, bool counted)
{
	sim_crash(w->s);
	sim_start(w->s);
	oracle_started(w->h);
	link_start(&w->s->k);
	w->ended += counted;
	memset(w->asked, 0, sizeof w->asked);
	w->n_asked = 0;
}

static void pass(struct world *w, int64_t seconds)
{
	struct sim *s = w->s;

	sim_pass(s, seconds);
	oracle.true_time += seconds;
	if (s->k.pending.active && clock_boot_ms(s->k.clock) >= s->k.pending.until_ms)
		ev_invoke(s->k.loop, &s->k.deadline, EV_TIMER);
	if (verify_busy(s->k.verify))
		ev_invoke(s->k.loop, &s->k.refresh, EV_TIMER);
	ev_timer_stop(s->k.loop, &s->k.refresh);
}

static void serve(struct world *w, const struct frame *ask)
{
	if (strcmp(ask->text, "timestamp.json") == 0)
		oracle_gave_timestamp(w->h, w->signer->n_states);
	sim_serve(w->s, ask);
}

/* One round as it should be. CONFIRM: confirm what waits for it. */
static void good_round(struct world *w, const char *path, bool confirm)
{
	struct sim *s = w->s;
	struct frame fr;
	int payload;

	sim_assign(s, s->host, &path, 1);
	for (int quiet = 0; quiet < 3; quiet++) {
		sim_turn(s);
		while (!frame_receive(s->courier, &fr, &payload)) {
			quiet = 0;
			if (payload >= 0)
				close(payload);
			if (fr.type == FRAME_FETCH)
				serve(w, &fr);
			if (fr.type != FRAME_CONFIRM || !confirm)
				continue;
			fr = frame_make(FRAME_CONFIRMED, fr.id);
			sim_say(s, &fr, NULL, 0);
		}
	}
}

/* The courier behaves: what is signed next arrives, and stays if it is confirmed. */
static void interlude(struct world *w, int policy, bool confirm)
{
	int64_t before;

	start_again(w, false);
	pass(w, 2000);
	oracle_look(w->h);
	before = w->h->rows[policy].serial;
	const struct signed_plan *p = signer_standing(w->signer, policy);
	signer_publish(w->signer, oracle.true_time);
	good_round(w, p->path, confirm);
	oracle_look(w->h);
	if (confirm) {
		w->confirmed += w->h->rows[policy].serial == p->serial;
		w->lost += w->h->rows[policy].serial != p->serial;
		return;
	}
	w->lost += !w->s->k.pending.active;
	pass(w, 200);
	oracle_look(w->h);
	bool back = !w->s->k.pending.active && w->h->rows[policy].serial == before;
	w->reverted += back;
	w->lost += !back;
}

/* ---- and one that does not ---- */

static int64_t number_roll(struct world *w)
{
	static const int64_t edges[] = { 0, 1, -1, INT64_MIN, INT64_MAX, INT32_MAX, UINT32_MAX, 1 << 16 };
	int64_t near = oracle.true_time + (int64_t)dice_below(&w->dice, 2000) - 1000;

	switch (dice_below(&w->dice, 4)) {
	case 0:
		return edges[dice_below(&w->dice, sizeof edges / sizeof edges[0])];
	case 1:
		return near;
	case 2:
		return dice_below(&w->dice, 1000);
	default:
		return (int64_t)dice_roll(&w->dice);
	}
}

/* Change LEN bytes of DATA in a few places; returns the new length. */
static size_t spoil(struct world *w, unsigned char *data, size_t len)
{
	for (unsigned n = 1 + dice_below(&w->dice, 4); n && len; n--) {
		size_t at = (size_t)dice_below(&w->dice, (unsigned)len);
		switch (dice_below(&w->dice, 5)) {
		case 0:
			data[at] ^= (unsigned char)(1 << dice_below(&w->dice, 8));
			break;
		case 1:
			data[at] = (unsigned char)dice_roll(&w->dice);
			break;
		case 2:
			len = at;
			break;
		case 3: /* a piece twice */
			memmove(data + at, data, len - at < at ? len - at : at);
			break;
		default:
			data[at] = "{}[]\",:0-9\\"[dice_below(&w->dice, 11)];
		}
	}
	return len;
}

/* Bytes that a payload may have: a published file, an assignment, noise; changed or not. */
static size_t bytes_roll(struct world *w, unsigned char *data, const struct frame *ask)
{
	struct repo_sim *repo = w->signer->repo;
	struct repo_sim_file *list = ask->a == FETCH_TARGET ? repo->targets : repo->metadata,
	                     *file = ask->type == FRAME_FETCH ? repo_sim_file(list, ask->text) : NULL;
	size_t len;

	if (!file && dice_is(&w->dice, 50))
		for (unsigned n = dice_below(&w->dice, 40); n && list; n--, list = list->next)
			file = list;
	if (file) {
		len = file->len < BYTES_MOST ? file->len : BYTES_MOST;
		memcpy(data, file->data, len);
	} else {
		size_t n = w->signer->n_plans;
		len = (size_t)snprintf((char *)data, BYTES_MOST,
		        "{\"kedge_assignment\":1,\"host\":\"%s\",\"generation\":%u,\"rollouts\":[\"%s\"]}",
		        dice_is(&w->dice, 90) ? w->s->host : "h001", 1 + dice_below(&w->dice, 9),
		        n ? w->signer->plans[dice_below(&w->dice, (unsigned)n)].path : "rollouts/web/1.json");
	}
	bool whole = dice_is(&w->dice, 50);
	if (file && strcmp(file->name, "timestamp.json") == 0) {
		if (whole && ask->type == FRAME_FETCH && strcmp(ask->text, "timestamp.json") == 0)
			oracle_gave_timestamp(w->h, w->signer->n_states);
		oracle_gave_damaged(w->h, w->signer->n_states);
	}
	return whole ? len : spoil(w, data, len);
}

/* A descriptor: sealed memory as a rule, else something that it must not be. */
static int descriptor_roll(struct world *w, const struct frame *ask)
{
	static unsigned char data[BYTES_MOST];
	unsigned how = dice_below(&w->dice, 100);
	int fd = -1;

	if (how < 88) {
		assert_int_equal(seal_make("hostile", data, bytes_roll(w, data, ask), &fd, NULL), 0);
		return fd;
	}
	if (how < 91)
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	if (how < 93)
		return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	fd = memfd_create("hostile", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	assert_true(fd >= 0);
	/* Much, of nothing; and not sealed, or not wholly. */
	assert_int_equal(ftruncate(fd, how < 96 ? (off_t)1 << 40 : 100), 0);
	if (how < 98)
		fcntl(fd, F_ADD_SEALS,
		        F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | (how < 96 ? F_SEAL_SEAL : 0));
	return fd;
}

/* LEN bytes with N descriptors, which are closed. 0, or KE_BUSY. */
static int send_raw(struct world *w, const void *data, size_t len, const int *fds, size_t n)
{
	struct iovec iov = { .iov_len = len };
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(FDS_MOST * sizeof(int))];
	} control;
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	unsigned char copy[2 * FRAME_SIZE];

	memcpy(copy, data, len);
	iov.iov_base = copy;
	if (n) {
		memset(&control, 0, sizeof control);
		msg.msg_control = control.room;
		msg.msg_controllen = CMSG_SPACE(n * sizeof(int));
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n * sizeof(int));
	}
	ssize_t sent = sendmsg(w->s->courier, &msg, MSG_NOSIGNAL | MSG_DONTWAIT);
	for (size_t i = 0; i < n; i++)
		close(fds[i]);
	w->frames++;
	return sent < 0 ? KE_BUSY : KE_OK;
}

/* A frame that could be an answer to ASK, with a number or two that is not. */
static struct frame frame_roll(struct world *w, const struct frame *ask)
{
	static const enum frame_type answers[] = {
		[FRAME_FETCH] = FRAME_FETCHED, [FRAME_PUSH] = FRAME_PUSHED, [FRAME_CONFIRM] = FRAME_CONFIRMED
	};
	static const enum frame_type any[] = { FRAME_FETCHED, FRAME_PUSHED, FRAME_CONFIRMED, FRAME_NEWS,
		FRAME_NEWS, FRAME_SERVER_TIME, FRAME_SERVER_TIME, FRAME_HELLO, FRAME_CONFINED };
	bool to_it = ask->id && dice_is(&w->dice, 60);
	struct frame fr = frame_make(to_it ? answers[ask->type] : any[dice_below(&w->dice, 8)],
	        dice_is(&w->dice, 80) ? ask->id : (uint32_t)number_roll(w));

	fr.status = dice_is(&w->dice, 60)   ? FRAME_OK
	            : dice_is(&w->dice, 90) ? (int32_t)dice_below(&w->dice, 6)
	                                    : (int32_t)number_roll(w);
	fr.a = dice_is(&w->dice, 30) ? ask->b : number_roll(w);
	fr.b = number_roll(w);
	if (dice_is(&w->dice, 20))
		frame_say(&fr, "%016llx %lld %064d", (unsigned long long)dice_roll(&w->dice), (long long)fr.a,
		        7);
	return fr;
}

/* The newest question gets its answer, or news come that are true. */
static void well_done(struct world *w)
{
	struct frame *ask = w->n_asked ? &w->asked[(w->n_asked - 1) % 16] : NULL, fr;

	if (ask && ask->type == FRAME_FETCH && verify_busy(w->s->k.verify)) {
		serve(w, ask);
	} else if (ask && ask->type == FRAME_CONFIRM && w->s->k.pending.active) {
		fr = frame_make(FRAME_CONFIRMED, ask->id);
		sim_say(w->s, &fr, NULL, 0);
	} else {
		size_t n = w->signer->n_plans, back = dice_below(&w->dice, n < 6 ? (unsigned)n : 6);
		const char *path = w->signer->plans[n - 1 - back].path;
		pass(w, 2);
		sim_assign(w->s, w->s->host, &path, 1);
	}
	w->frames++;
	sim_turn(w->s);
	drain(w);
}

/* One frame, of whatever kind. */
static void attack(struct world *w)
{
	static const struct frame nothing;
	size_t known = w->n_asked < 16 ? w->n_asked : 16;
	const struct frame *ask = known ? &w->asked[dice_below(&w->dice, (unsigned)known)] : &nothing;
	if (known && dice_is(&w->dice, 70))
		ask = &w->asked[(w->n_asked - 1) % 16]; /* the newest, which waits */
	if (dice_is(&w->dice, w->tame)) {
		well_done(w);
		return;
	}
	struct frame fr = frame_roll(w, ask);
	bool wants = fr.type == FRAME_NEWS || (fr.type == FRAME_FETCHED && fr.status == FRAME_OK);
	size_t n = wants ? 1 : 0, len = sizeof fr;
	unsigned char data[2 * FRAME_SIZE] = { 0 };
	int fds[FDS_MOST];

	memcpy(data, &fr, sizeof fr);
	unsigned nonsense = dice_below(&w->dice, w->tame ? 400 : 100);
	if (nonsense == 0)
		spoil(w, data, len);
	else if (nonsense == 1)
		len = 1 + dice_below(&w->dice, sizeof data - 1);
	else if (nonsense == 2)
		n = dice_below(&w->dice, FDS_MOST + 1);
	for (size_t i = 0; i < n; i++)
		fds[i] = descriptor_roll(w, ask);
	if (send_raw(w, data, len, fds, n)) {
		w->busy++;
		pass(w, 1);
	}
	sim_turn(w->s);
	if (w->s->k.exit_code)
		start_again(w, true);
	drain(w);
}

static unsigned descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned n = 0;

	while (dir && readdir(dir))
		n++;
	closedir(dir);
	return n;
}

int main(int argc, char **argv)
{
	static struct world w;
	static char role[] = "web";
	unsigned long frames = argc > 1 ? strtoul(argv[1], NULL, 10) : 5000,
	              seed = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;

	if (argc > 3 || frames < 2 * INTERLUDE || frames > FRAMES_MOST) {
		fprintf(stderr, "usage: hostile_courier [FRAMES [SEED]]; %d to %d frames\n", 2 * INTERLUDE,
		        FRAMES_MOST);
		return 2;
	}
	w.dice.state = seed;
	oracle.true_time = REPO_SIM_NOW;
	oracle.signer = w.signer = signer_new(&w.dice, oracle.true_time);
	w.h = &oracle.hosts[0];
	*w.h = (struct oracle_host){ .role = role };
	w.s = w.h->sim = sim_new("h000", role, w.signer->repo);
	oracle_started(w.h);
	oracle.n_hosts = 1;
	link_start(&w.s->k);
	for (int policy = 0; policy < POLICIES; policy++)
		interlude(&w, policy, true); /* from here on every key is watched */
	unsigned fds = descriptors();
	while (w.frames < frames) {
		attack(&w);
		if (w.frames % 10 == 0)
			pass(&w, 1);
		if (w.frames % 64 == 0)
			w.tame = (unsigned[]){ 0, 60, 95, 99 }[dice_below(&w.dice, 4)];
		if (w.frames % 150 == 0 && w.signer->n_plans < SIGNED_PLANS / 2) {
			signer_plan(w.signer, oracle.true_time, 1);
			signer_publish(w.signer, oracle.true_time);
		}
		if (w.frames % 20 == 0)
			oracle_look(w.h);
		if (w.frames % INTERLUDE == 0) {
			interlude(&w, (int)dice_below(&w.dice, POLICIES), w.frames / INTERLUDE % 2);
		}
	}
	interlude(&w, POLICY_WEB, false);
	interlude(&w, POLICY_DB, true);
	int over = (int)descriptors() - (int)fds;
	printf("%lu frames, %lu of them met a full socket, %lu ended the conversation, %lu questions\n",
	        w.frames, w.busy, w.ended, w.questions);
	printf("%lu times confirmed, %lu times reverted, %u times not; %lu adoptions, %d descriptors left "
	       "over\n",
	        w.confirmed, w.reverted, w.lost, oracle.adoptions, over);
	printf("%lu writes, %lu violations, seed %lu\n", oracle.writes, oracle.violations, seed);
	oracle.n_hosts = 0;
	sim_free(w.s);
	signer_free(w.signer);
	return oracle.violations || w.lost || !oracle.writes || over > 0 || w.ended < frames / 1000;
}
