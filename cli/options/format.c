/*
 * format.c
 *    For people or for programs.
 */
#include "options/options.h"

static Format format;

static const struct argp_option options[] = {{.doc = "Output:", .group = 5},
											 {"json", 'j', NULL, 0, "JSON, one object a line", 5},
											 {"pretty", 'p', NULL, 0, "JSON with indentation", 5},
											 {0}};

static error_t
parse(int key, char *argument, struct argp_state *state)
{
	(void) argument;
	(void) state;
	switch (key)
	{
		case 'p':
			format.is_pretty = true;
			format.is_json = true;
			return 0;
		case 'j':
			format.is_json = true;
			return 0;
		default:
			return ARGP_ERR_UNKNOWN;
	}
}

const struct argp format_options = {.options = options, .parser = parse};

const Format *
chosen_format(void)
{
	return &format;
}
