-- migrate:up
ALTER TABLE products ADD COLUMN colour VARCHAR(20);
INSERT INTO products (id, name, price) VALUES (1, 'Apple', 50);

-- migrate:down
ALTER TABLE products DROP COLUMN colour;
