// client.js URL CLIENTS POSTS SECONDS, as client.py.
const http = require("http");
const [url, clients, posts, period] = process.argv.slice(2);
const failures = [];

function post(agent) {
  return new Promise((resolve) => {
    const request = http.request(url + "/ingest", { method: "POST", agent }, (answer) => {
      if (answer.statusCode !== 202) failures.push(answer.statusCode);
      answer.resume().on("end", resolve);
    });
    request.on("error", (error) => {
      failures.push(error.code);
      resolve();
    });
    request.end('{"cpu":1,"rps":2}');
  });
}

async function run() {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  for (let number = 0; number < posts; number++) {
    await post(agent);
    await new Promise((resolve) => setTimeout(resolve, period * 1000));
  }
  agent.destroy();
}

Promise.all(Array.from({ length: Number(clients) }, run)).then(() =>
  console.log(failures.length, ...failures.slice(0, 3)),
);
