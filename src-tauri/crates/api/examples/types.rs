fn main(){ print!("{}", nc_api::typescript()); }
