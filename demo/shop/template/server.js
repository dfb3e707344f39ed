// A shop: products to look at and orders to place, all of it in one database. /health is well only when this very
// code gets along with the schema that it finds.
const http = require("http");
const { version } = require("./package.json");
const { open } = require("./database");
const { features } = require("./features");

const database = open(process.env);

async function products() {
  const columns = ["id", "name", features.price, ...(features.stock ? ["stock"] : [])];
  const rows = await database.rows(`SELECT ${columns.join(", ")} FROM products ORDER BY id`);
  return rows.map(({ [features.price]: price, ...row }) => ({ ...row, price }));
}

async function order(wish) {
  const { token, product, quantity } = wish;
  if (typeof token !== "string" || !/^[\w-]{1,40}$/.test(token) || !Number.isInteger(product)) return [400, { error: "wrong" }];
  // Placed twice it is one order: whoever got no answer asks again.
  if ((await database.rows("SELECT token FROM orders WHERE token = ?", token)).length === 0) {
    const columns = ["token", "product_id", "quantity", ...(features.stock ? ["channel"] : [])];
    const values = [token, product, Number(quantity) || 1, ...(features.stock ? [`shop ${version}`] : [])];
    const marks = columns.map(() => "?").join(", ");
    await database.rows(`INSERT INTO orders (${columns.join(", ")}) VALUES (${marks})`, ...values);
  }
  return [201, { token }];
}

function front(rows) {
  const items = rows.map((row) => `<li>${row.name}: ${row.price}${features.stock ? `, ${row.stock} left` : ""}</li>`);
  return `<!doctype html><title>Shop</title><h1>Shop ${version}</h1><ul>${items.join("")}</ul>`;
}

async function answer(request) {
  const { pathname } = new URL(request.url, "http://shop");
  if (request.method === "POST" && pathname === "/orders") return order(await read(request));
  if (request.method !== "GET") return [405, { error: "not here" }];
  if (pathname === "/version") return [200, { version }];
  if (pathname === "/health") return [200, { healthy: true, products: (await products()).length }];
  if (pathname === "/products") return [200, { products: await products() }];
  if (pathname === "/") return [200, front(await products())];
  return [404, { error: "nothing there" }];
}

async function read(request) {
  let text = "";
  for await (const part of request) {
    text += part;
    if (text.length > 10000) return {};
  }
  try {
    return JSON.parse(text) || {};
  } catch {
    return {};
  }
}

const server = http.createServer(async (request, response) => {
  let status, body;
  try {
    [status, body] = await answer(request);
  } catch (error) {
    // The code alone: a driver's message may name the user and the host.
    console.error(`${request.method} ${request.url} failed: ${error.code || error.name}`);
    [status, body] = [500, { error: "the shop is unwell" }];
  }
  const page = typeof body === "string";
  response.writeHead(status, { "content-type": page ? "text/html; charset=utf-8" : "application/json" });
  response.end(page ? body : JSON.stringify(body));
});

server.listen(process.env.PORT, "0.0.0.0", () => console.log(`shop ${version} listens`));
process.on("SIGTERM", () => server.close(() => database.close().finally(() => process.exit(0))));
