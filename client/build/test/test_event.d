build/test/test_event.o: test/test_event.c test/unit.h goes.h
test/unit.h:
goes.h:
