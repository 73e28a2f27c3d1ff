build/test/test_uuid.o: test/test_uuid.c test/unit.h goes.h
test/unit.h:
goes.h:
