/*
 * fuzz_conninfo.c
 *    Random connection strings, and names in them (libFuzzer; `make fuzz`).
 *
 * The input is read as it stands, behind a URL with a password, and behind a keyword with one. What cannot be
 * read is an error, whose text never has the password; what can be read has values that end.
 */
#include "fuzz.h"
#include "net/conninfo.h"

#define SECRET "s3cr-et" /* no identifier, so it cannot be taken for the name of a parameter */

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length);

/*
 * check_parsing reads a connection string.
 */
static void
check_parsing(const char *text, bool has_secret)
{
	Conninfo	conninfo = {0};
	goes_error *error = NULL;
	int			status = conninfo_parse(&conninfo, text, &error);

	REQUIRE(goes_error_status(error) == status);
	if (status == GOES_OK)
	{
		const char *search_path = conninfo_value(&conninfo, "options");

		REQUIRE(conninfo.pool_max_conns >= 0 && conninfo.pool_max_conns <= 10000);
		REQUIRE(conninfo.search_path == NULL || search_path != NULL);
		REQUIRE(conninfo_value(&conninfo, "no such parameter") == NULL);
		(void) name_check_options(conninfo.options, NULL);
		conninfo_free(&conninfo);
	}
	else
		REQUIRE(!has_secret || strstr(goes_error_message(error), SECRET) == NULL);
	goes_error_free(error);
}

/*
 * check_behind reads the input behind something that has a password.
 */
static void
check_behind(const char *start, const char *text)
{
	Buffer whole = {0};

	buffer_append(&whole, start, strlen(start));
	buffer_append(&whole, text, strlen(text) + 1);
	check_parsing(whole.data, true);
	buffer_free(&whole);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t length)
{
	char	   *text = text_of((Value){bytes, (int) length});
	goes_error *error = NULL;

	check_parsing(text, false);
	check_behind("postgres://somebody:" SECRET "@", text);
	check_behind("postgres://somebody:" SECRET "@localhost/goes?", text);
	check_behind("password=" SECRET " ", text);
	REQUIRE(name_check(text, "database", &error) == goes_error_status(error));
	goes_error_free(error);
	error = NULL;
	REQUIRE(name_check_list(text, "schema", &error) == goes_error_status(error));
	goes_error_free(error);
	free(text);
	return 0;
}
