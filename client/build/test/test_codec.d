build/test/test_codec.o: test/test_codec.c test/unit.h goes.h
test/unit.h:
goes.h:
