// The database of the slot's connection string "shop": PostgreSQL or MySQL, written as an address or as .NET wants it.
function open(environment) {
  const postgres = environment.POSTGRESQLCONNSTR_shop;
  const mysql = environment.MYSQLCONNSTR_shop;
  if (postgres) return openPostgres(parts(postgres));
  if (mysql) return openMysql(parts(mysql));
  throw new Error("the slot has no connection string named shop");
}

function parts(text) {
  if (text.includes("://")) {
    const url = new URL(text);
    return {
      host: url.hostname,
      port: Number(url.port),
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
      database: url.pathname.slice(1),
    };
  }
  const pairs = Object.fromEntries(
    text.split(";").filter(Boolean).map((pair) => {
      const at = pair.indexOf("=");
      return [pair.slice(0, at).trim().toLowerCase(), pair.slice(at + 1).trim()];
    }),
  );
  return {
    host: pairs.host || pairs.server,
    port: Number(pairs.port),
    user: pairs.username || pairs["user id"],
    password: pairs.password,
    database: pairs.database,
  };
}

function openPostgres(where) {
  const { Pool } = require("pg");
  const pool = new Pool({ ...where, max: 5 });
  pool.on("error", () => {}); // a connection that nobody used was cut: the next one is opened anew
  return {
    rows: async (statement, ...values) => {
      let mark = 0;
      return (await pool.query(statement.replace(/\?/g, () => `$${++mark}`), values)).rows;
    },
    close: () => pool.end(),
  };
}

function openMysql(where) {
  const pool = require("mysql2/promise").createPool({ ...where, connectionLimit: 5 });
  return {
    rows: async (statement, ...values) => (await pool.query(statement, values))[0],
    close: () => pool.end(),
  };
}

module.exports = { open };
