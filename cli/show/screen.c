/*
 * screen.c
 *    What a terminal can show.
 *
 * Names of events are anybody's text. What would steer the terminal is shown as a question mark.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

#include "show/show.h"

#define USUAL_COLUMNS 80

int
screen_columns(FILE *file)
{
	struct winsize size;

	if (!isatty(fileno(file)))
		return 0;
	if (ioctl(fileno(file), TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
		return size.ws_col;
	return USUAL_COLUMNS;
}

bool
screen_has_colours(FILE *file)
{
	const char *no_colour = getenv("NO_COLOR");
	const char *terminal = getenv("TERM");

	return isatty(fileno(file)) && (no_colour == NULL || *no_colour == '\0') &&
		   (terminal == NULL || strcmp(terminal, "dumb") != 0);
}

/*
 * next_character reads a character, how many bytes it has, and how many columns it takes; -1: it
 * cannot be shown.
 */
static size_t
next_character(const char *text, int *columns)
{
	wchar_t	  character;
	mbstate_t state = {0};
	size_t	  length = mbrtowc(&character, text, strlen(text), &state);

	if (length == (size_t) -1 || length == (size_t) -2 || length == 0)
	{
		*columns = -1;
		return 1;
	}
	*columns = wcwidth(character);
	return length;
}

int
text_columns(const char *text)
{
	int sum = 0;
	int columns;

	for (; *text != '\0'; sum += columns < 0 ? 1 : columns)
		text += next_character(text, &columns);
	return sum;
}

/*
 * write_part writes as much of a text as fits, and returns how many columns that takes.
 */
static int
write_part(FILE *file, const char *text, int most)
{
	int sum = 0;

	while (*text != '\0')
	{
		int	   columns;
		size_t length = next_character(text, &columns);

		if (sum + (columns < 0 ? 1 : columns) > most)
			break;
		if (columns < 0)
			putc('?', file);
		else
			fwrite(text, 1, length, file);
		sum += columns < 0 ? 1 : columns;
		text += length;
	}
	return sum;
}

void
text_write(FILE *file, const char *text, int columns)
{
	int room = abs(columns);
	int length = text_columns(text);

	if (columns == 0)
		(void) write_part(file, text, length);
	else if (length > room)
	{
		int written = write_part(file, text, room - 1);

		fputs(MB_CUR_MAX > 1 ? "\u2026" : "~", file);
		fprintf(file, "%*s", room - 1 - written, "");
	}
	else
	{
		if (columns < 0)
			fprintf(file, "%*s", room - length, "");
		(void) write_part(file, text, length);
		if (columns > 0)
			fprintf(file, "%*s", room - length, "");
	}
}
