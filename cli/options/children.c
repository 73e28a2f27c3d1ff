/*
 * children.c
 *    Which options the commands have in common: all of them connect, most show something, and some
 *    filter what they show.
 */
#include "options/options.h"

const struct argp_child connection_children[] = {{.argp = &connection_options}, {0}};

const struct argp_child format_children[] = {{.argp = &format_options},
											 {.argp = &connection_options},
											 {0}};

const struct argp_child filter_children[] = {{.argp = &filter_options},
											 {.argp = &format_options},
											 {.argp = &connection_options},
											 {0}};
