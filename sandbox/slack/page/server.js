// Talking to the sandbox. Problems come back as sentences for people.

async function call(method, path, body) {
  let answer;
  try {
    answer = await fetch(`/_sandbox/${path}`, {
      method,
      headers: body ? { "Content-Type": "application/json" } : {},
      body: body ? JSON.stringify(body) : undefined,
    });
  } catch {
    throw new Error("The local Slack does not answer. Is it still running?");
  }
  let found;
  try {
    found = await answer.json();
  } catch {
    throw new Error("Something went wrong. Try again.");
  }
  if (!answer.ok) throw new Error(found.problem || "Something went wrong. Try again.");
  return found;
}

export const get = (path) => call("GET", path);
export const post = (path, body) => call("POST", path, body);

// Follows what a person sees; calls `heard` for each happening and `lost`/`found` with the connection.
export function follow(person, after, heard, lost, found) {
  const source = new EventSource(`/_sandbox/events?as=${encodeURIComponent(person)}&after=${after}`);
  source.onmessage = (message) => heard(JSON.parse(message.data));
  source.onerror = lost;
  source.onopen = found;
  return () => source.close();
}
