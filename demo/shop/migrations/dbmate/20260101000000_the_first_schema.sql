-- migrate:up
CREATE TABLE products (id INTEGER PRIMARY KEY, name VARCHAR(100) NOT NULL, price INTEGER NOT NULL);
CREATE TABLE orders (
  token VARCHAR(40) PRIMARY KEY,
  product_id INTEGER NOT NULL REFERENCES products (id),
  quantity INTEGER NOT NULL
);
INSERT INTO products VALUES (1, 'Apple', 50), (2, 'Pear', 70), (3, 'Quince', 120);

-- migrate:down
DROP TABLE orders;
DROP TABLE products;
