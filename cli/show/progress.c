/*
 * progress.c
 *    How far a long command is: a bar on a terminal, and nothing anywhere else.
 */
#include <string.h>
#include <unistd.h>

#include "show/show.h"

#define BAR_COLUMNS 24
#define SHOW_EVERY (NANOSECONDS / 10)

static struct
{
	bool	is_shown;
	int64_t total;
	int64_t began;
	int64_t shown;
} progress;

const char *
grouped(int64_t number)
{
	static char buffers[4][32];
	static int	turn = 0;
	char	   *buffer = buffers[turn++ % 4];
	int			length = snprintf(buffer, sizeof buffers[0], "%lld", (long long) number);

	for (int at = length - 3; at > (number < 0); at -= 3)
	{
		memmove(buffer + at + 1, buffer + at, strlen(buffer + at) + 1);
		buffer[at] = ',';
	}
	return buffer;
}

void
progress_begin(int64_t total)
{
	progress.is_shown = isatty(STDERR_FILENO);
	progress.total = total;
	progress.began = goes_now();
	progress.shown = 0;
}

double
progress_seconds(void)
{
	return (double) (goes_now() - progress.began) / (double) NANOSECONDS;
}

/*
 * show_bar shows which part is done, and how long the rest will take at the same rate.
 */
static void
show_bar(int64_t at)
{
	double done = (double) at / (double) progress.total;
	double left;
	int	   filled;

	done = done > 1 ? 1 : done;
	filled = (int) (done * BAR_COLUMNS);
	left = done > 0 ? progress_seconds() * (1 - done) / done : 0;
	fprintf(stderr, "[%.*s%*s] %3d%%  ", filled, "########################", BAR_COLUMNS - filled,
			"", (int) (done * 100));
	fprintf(stderr, "%d:%02d left  ", (int) left / 60, (int) left % 60);
}

void
progress_show(int64_t events, int64_t at)
{
	int64_t now;
	double	seconds;

	if (!progress.is_shown)
		return;
	now = goes_now();
	if (now - progress.shown < SHOW_EVERY)
		return;
	progress.shown = now;
	seconds = progress_seconds();
	fputc('\r', stderr);
	if (progress.total > 0)
		show_bar(at);
	fprintf(stderr, "%s events", grouped(events));
	if (seconds > 0)
		fprintf(stderr, ", %s a second", grouped((int64_t) ((double) events / seconds)));
	fputs("\033[K", stderr);
	fflush(stderr);
}

void
progress_end(void)
{
	if (progress.is_shown && progress.shown > 0)
		fputs("\r\033[K", stderr);
	progress.is_shown = false;
}
