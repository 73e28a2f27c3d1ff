/*
 * import.c
 *    goes import: lines of JSON become events.
 *
 * Lines are read into one block of memory, and their events point into it. When no whole line is left
 * in it, its events are stored, in batches. Each batch is stored or not; those that are stored already,
 * by an import that was broken off, are found by their ids.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "commands/commands.h"
#include "commands/import.h"

/* The block grows only for a line that is longer. */
#define BLOCK_SIZE (4 << 20)
#define WAIT_MS 1000
#define USUAL_BATCH 2000
#define MOST_BATCH 100000

static const char *path = "-";
static int64_t	   batch_size = USUAL_BATCH;

static const struct argp_option options[] = {
	{"batch", 'b', "N", 0, "Store so many events at once, all or nothing (2000)", 1},
	{0}};

static error_t
parse(int key, char *argument, struct argp_state *state)
{
	switch (key)
	{
		case 'b':
			batch_size = number_between(state, argument, 1, MOST_BATCH);
			return 0;
		case ARGP_KEY_ARG:
			if (state->arg_num > 0)
				argp_error(state, "import takes one file");
			path = argument;
			return 0;
		default:
			return ARGP_ERR_UNKNOWN;
	}
}

static const struct argp argp = {.options = options,
								 .parser = parse,
								 .args_doc = "[FILE]",
								 .doc = "Stores events from lines of JSON, as \"goes export\" "
										"writes them, of a file or of standard "
										"input. Events that are stored already are skipped: after "
										"an import that was broken off run "
										"the same one again.\v"
										"Example:\n\n"
										"  goes import events.jsonl\n"
										"  goes --url postgres://other export | goes import",
								 .children = connection_children};

/* Lines that are read and not yet stored. */
typedef struct Block
{
	int		file;
	char   *text;
	size_t	room;
	size_t	start; /* of the first line that is not an event yet */
	size_t	end;   /* of what was read */
	bool	is_over;
	int64_t lines; /* that are events by now, or blank */
	int64_t bytes; /* of them */
} Block;

static Batch batch;

/*
 * tell_how_far names what was stored.
 */
static void
tell_how_far(void)
{
	progress_end();
	fprintf(stderr, "goes: %s events were stored", grouped(batch.stored));
	if (batch.skipped > 0)
		fprintf(stderr, ", and %s were there before", grouped(batch.skipped));
	if (batch.lines_done == 0)
		fprintf(stderr, "; no line is done\n");
	else
		fprintf(stderr, "; lines 1 to %lld are done, and none behind them\n",
				(long long) batch.lines_done);
}

/*
 * make_room moves what is left of the last line to the start of the block.
 */
static void
make_room(Block *block)
{
	memmove(block->text, block->text + block->start, block->end - block->start);
	block->end -= block->start;
	block->start = 0;
	if (block->end < block->room)
		return;
	block->room *= 2;
	block->text = allocated(realloc(block->text, block->room));
}

/*
 * comes_soon tells whether there is more to read. Whoever writes into a pipe gets a while, so that
 * batches are full, and nothing waits for ever that is there.
 */
static bool
comes_soon(const Block *block)
{
	struct pollfd file = {.fd = block->file, .events = POLLIN};

	return poll(&file, 1, WAIT_MS) != 0;
}

/*
 * read_more fills the block.
 */
static void
read_more(Block *block)
{
	size_t before;

	make_room(block);
	before = block->end;
	while (!block->is_over && block->end < block->room &&
		   (block->end == before || comes_soon(block)))
	{
		ssize_t count = read(block->file, block->text + block->end, block->room - block->end);

		if (is_interrupted())
			fail(EXIT_INTERRUPTED, "interrupted");
		if (count < 0)
			fail(EXIT_OTHER, "cannot read %s: %s", path, strerror(errno));
		block->is_over = count == 0;
		block->end += (size_t) count;
	}
}

/*
 * next_line finds the next whole line; false if there is none in the block. The last one may lack its
 * newline.
 */
static bool
next_line(Block *block, char **line, size_t *length)
{
	char *start = block->text + block->start;
	char *end = memchr(start, '\n', block->end - block->start);

	if (block->start == block->end || (end == NULL && !block->is_over))
		return false;
	*line = start;
	*length = end != NULL ? (size_t) (end - start) : block->end - block->start;
	block->start += *length + (end != NULL);
	block->bytes += (int64_t) *length + (end != NULL);
	block->lines++;
	return true;
}

static bool
is_blank(const char *line, size_t length)
{
	for (size_t i = 0; i < length; i++)
	{
		if (strchr(" \t\r", line[i]) == NULL || line[i] == '\0')
			return false;
	}
	return true;
}

/*
 * take_lines makes events of the whole lines, and stores them whenever a batch is full. The events
 * point into the block, so at its end they are stored, too.
 */
static void
take_lines(Block *block)
{
	char  *line;
	size_t length;
	char   problem[PROBLEM_SIZE];

	while (next_line(block, &line, &length))
	{
		goes_event *event = &batch.events[batch.count];

		if (is_blank(line, length))
			continue;
		if (!event_from_json(line, length, event, problem))
			fail(EXIT_USAGE, "line %lld is no event: %s", (long long) block->lines, problem);
		batch.lines[batch.count++] = block->lines;
		if (batch.count < (size_t) batch_size)
			continue;
		batch_store(&batch, block->lines);
		progress_show(batch.stored + batch.skipped, block->bytes);
	}
	batch_store(&batch, block->lines);
	progress_show(batch.stored + batch.skipped, block->bytes);
}

static int
open_file(void)
{
	int file = strcmp(path, "-") == 0 ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);

	if (file < 0)
		fail(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_OTHER, "cannot open %s: %s", path,
			 strerror(errno));
	return file;
}

/*
 * size_of returns how many bytes are left of a file; 0: unknown.
 */
static int64_t
size_of(int file)
{
	struct stat state;
	off_t		place = lseek(file, 0, SEEK_CUR);

	if (fstat(file, &state) != 0 || !S_ISREG(state.st_mode) || place < 0)
		return 0;
	return state.st_size - place;
}

static int
run(void)
{
	Block block = {.file = open_file(), .room = BLOCK_SIZE};

	block.text = allocated(malloc(block.room));
	batch.store = open_store(false);
	batch.events = allocated(calloc((size_t) batch_size, sizeof *batch.events));
	batch.lines = allocated(calloc((size_t) batch_size, sizeof *batch.lines));
	progress_begin(size_of(block.file));
	set_last_words(tell_how_far);
	while (!block.is_over)
	{
		read_more(&block);
		take_lines(&block);
	}
	set_last_words(NULL);
	progress_end();
	fprintf(stderr, "%s events were stored", grouped(batch.stored));
	if (batch.skipped > 0)
		fprintf(stderr, ", %s were there before", grouped(batch.skipped));
	fputc('\n', stderr);
	goes_store_close(batch.store);
	return EXIT_FINE;
}

const Command import_command = {"import", "store events from lines of JSON", &argp, run};
