# Makes goes.h's ordinary comments Doxygen's, for `make docs`:
#   - the comment on top is the main page, its paragraphs' first words are titles;
#   - a line of dashes starts a topic, with a page of its own;
#   - a comment in front of a declaration documents it, and one behind it, too;
#   - one that is in front of two declarations is about both.
# Any awk will do. `own` is the comment in front of the next line, `shared` the one in front of the
# last declaration, until a blank line.

NR == 1 {
	print "/** @file"
	print " * @brief libgoes: the event store goes_store, from C. */"
	print "/** @mainpage The event store goes_store, from C"
	in_top = 1
	next
}

in_top && NR <= 4 && /goes\.h$|libgoes: / {
	next
}

in_top {
	if (/^ \* [A-Z][A-Za-z]+\. /) {
		title = $2
		sub(/\.$/, "", title)
		sub(/^ \* [A-Z][A-Za-z]+\. /, " * ")
		print " * @par " title
	}
	print
	in_top = !/\*\//
	next
}

/^\/\* ---- / {
	sub(/^\/\* -+ /, "")
	sub(/ -+ \*\/$/, "")
	if (in_topic)
		print "/** @} */"
	id = tolower($0)
	gsub(/[^a-z]+/, "-", id)
	print "/** @defgroup goes-" id " " $0 "\n * @{ */"
	in_topic = 1
	next
}

/^GOES_DECLARATIONS_END/ && in_topic {
	print "/** @} */"
}

/^$/ {
	printf "%s", own
	own = shared = ""
	print
	next
}

# In front of something.
!in_comment && /^[ \t]*\/\*/ {
	sub(/\/\*/, "/**")
	in_comment = 1
}

in_comment {
	own = own $0 "\n"
	in_comment = !/\*\//
	next
}

# Nothing that Doxygen would have a page for.
/^struct [a-z_]+;/ {
	sub(/\/\*.*/, "")
}

{
	sub(/\/\*/, "/**<")
	if (own != "")
		shared = own
	else if (/^(GOES_API|typedef)/)
		own = shared
	printf "%s", own
	own = ""
	print
}
