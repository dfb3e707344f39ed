-- migrate:up
ALTER TABLE products RENAME COLUMN price TO amount;

-- migrate:down
ALTER TABLE products RENAME COLUMN amount TO price;
