-- The next page of a reader. Its cursor moves behind it in the same transaction; what the events lead to
-- belongs into that transaction, too: both or neither. The last row of goes_feed is the new cursor.
WITH page AS (
    SELECT * FROM goes_feed((SELECT position FROM readers FOR UPDATE),
                            after_id => (SELECT id FROM readers FOR UPDATE), wait_ms => 100)
), moved AS (
    UPDATE readers SET (position, id) = (SELECT position, id FROM page WHERE name IS NULL)
)
SELECT * FROM page WHERE name IS NOT NULL;
