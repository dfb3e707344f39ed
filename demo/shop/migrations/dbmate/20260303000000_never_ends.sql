-- migrate:up
ALTER TABLE products ADD COLUMN weight INTEGER;
SELECT SLEEP(600);

-- migrate:down
ALTER TABLE products DROP COLUMN weight;
